"""What the second migration makes of the events of a SQLite file that version 1 wrote."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from infrastructure.database.members import Write
from infrastructure.database.migrate import migrations
from infrastructure.database.sqlite.connection import connect
from infrastructure.database.sqlite.database import SqliteDatabase
from infrastructure.database.sqlite.migrate import migrate_sqlite
from infrastructure.persistence.all_events import TortoiseAllEvents
from infrastructure.persistence.event_log import TortoiseEventLog
from tests.contracts.worlds.world import attempted
from tests.support import version_1
from tests.support.ids import a_connection, a_user


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "unplug.sqlite3"
    with closing(connect(path)) as db:
        db.executescript(migrations("sqlite")[0].sql)
        db.execute("INSERT INTO schema_version VALUES (1, '2026-01-02 03:04:05+00:00')")
        insert = f"INSERT INTO provider_events ({', '.join(version_1.COLUMNS)}) VALUES"
        db.executemany(
            f"{insert} ({', '.join('?' * len(version_1.COLUMNS))})",
            [tuple(map(_text, row)) for row in version_1.rows()],
        )
        heads = ((str(user_id), 3) for user_id in (version_1.ALICE, version_1.BOB))
        db.executemany("INSERT INTO log_heads VALUES (?, ?)", heads)
    return path


def _text(value: object) -> object:
    return value if isinstance(value, int) else str(value)


@pytest.fixture
def db(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(path)) as db:
        yield db


async def test_events_get_an_order_that_later_commits_continue(path: Path) -> None:
    migrate_sqlite(path)
    database = await SqliteDatabase.open(path)
    event = attempted(a_user(version_1.ALICE.int), a_connection())
    (outcome,) = await database.store.commit([Write(events=(event,))])
    assert isinstance(outcome, Sequence)
    assert outcome[0].previous_id == UUID(int=3)
    events = TortoiseAllEvents(database.client)
    horizon = await events.horizon()
    read = await events.read(None, horizon.settled, 100)
    assert [item.recorded.event.id for item in read] == [
        *(UUID(int=number) for number in version_1.IN_ORDER),
        event.id,
    ]
    log = TortoiseEventLog(database.client)
    head = await log.head(event.user_id)
    assert (head.position, head.event_id) == (4, event.id)
    await database.aclose()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE provider_events SET occurred_at = 'never'",
        "DELETE FROM provider_events",
        "REPLACE INTO provider_events SELECT * FROM provider_events",
    ],
)
def test_the_log_can_still_only_grow(path: Path, db: sqlite3.Connection, statement: str) -> None:
    migrate_sqlite(path)
    with pytest.raises(sqlite3.IntegrityError, match="can only grow"):
        db.execute(statement)


def test_nothing_else_of_the_events_has_changed(path: Path, db: sqlite3.Connection) -> None:
    columns = f"SELECT {', '.join(version_1.COLUMNS)} FROM provider_events ORDER BY id"  # noqa: S608
    before = db.execute(columns).fetchall()
    migrate_sqlite(path)
    assert db.execute(columns).fetchall() == before
