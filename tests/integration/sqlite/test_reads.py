"""Reading a SQLite file beside its writer."""

import asyncio
import re
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest
from tortoise.exceptions import OperationalError

from domain.events import EventCursor
from domain.ports import NotFound, PageRequest, StorageError
from domain.provider_connection import ProviderConnection
from infrastructure.database.sqlite import commit, revocations, store
from infrastructure.database.sqlite.connection import connect
from infrastructure.database.sqlite.database import SqliteDatabase
from infrastructure.database.sqlite.json_rows import to_json
from infrastructure.database.sqlite.migrate import migrate_sqlite
from infrastructure.database.store import Abandoned
from infrastructure.persistence.all_events import AllEventsCursor, TortoiseAllEvents
from tests.contracts.worlds.world import active, attempted
from tests.integration.sqlite.node import Node
from tests.support.ids import a_connection, a_user, an_event

SILENT = """
WITH RECURSIVE users (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM users WHERE n < :count)
INSERT INTO provider_events
    (id, user_id, position, kind, occurred_at, connection_id, attempt_id, initiator)
SELECT printf('%08x-0000-7000-8000-%012x', :count, n),
    printf('%08x-0000-7000-9000-%012x', :count, n), 1, 'attempted',
    '2026-01-01 00:00:00+00:00', '00000000-0000-0000-0000-000000000009',
    printf('%08x-0000-7000-a000-%012x', :count, n), 'user'
FROM users
"""
"""So many users with one event each."""
CIPHERTEXT = b"c"


async def test_reads_hold_no_transaction(node: Node) -> None:
    user = a_user()
    await node.bus.publish(attempted(user, a_connection()))
    await node.log.read(EventCursor.start(user), 10)
    await node.connections.find_by_id(a_connection())
    await node.connections.find_by_user_id(user)

    with closing(connect(node.path)) as other:
        busy, left, _ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    assert (busy, left) == (0, 0)


async def test_read_that_fails_says_why_to_the_log_and_raises_an_error_of_ours(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(connect(node.path)) as other:
        other.execute("ALTER TABLE provider_events RENAME TO elsewhere")
        other.execute("ALTER TABLE provider_connections RENAME TO nowhere")
        other.execute("ALTER TABLE open_attempts RENAME TO anywhere")
        other.execute("ALTER TABLE log_heads RENAME TO somewhere")
    reads = [
        node.log.read(EventCursor.start(a_user()), 10),
        node.log.page(a_user(), PageRequest(limit=1)),
        node.log.head(a_user()),
        node.log.find(a_user(), an_event()),
        node.connections.find_by_id(a_connection()),
        node.connections.find_by_user_id(a_user()),
        node.connections.page(a_user(), PageRequest(limit=1)),
        node.open_attempts.close_all(Abandoned()),
    ]

    results = await asyncio.gather(*reads, return_exceptions=True)

    for result in results:
        assert isinstance(result, StorageError)
        assert (result.__cause__, result.__suppress_context__) == (None, True)
    assert capsys.readouterr().out.count("SQLITE_ERROR") == len(reads)


async def test_nothing_is_written_through_the_readers(node: Node) -> None:
    with pytest.raises(OperationalError, match="readonly"):
        await node.database.client.execute_query("DELETE FROM open_attempts")


async def test_silent_users_cost_a_follower_nothing(
    node: Node, request: pytest.FixtureRequest
) -> None:
    """Counted in steps of SQLite's machine: as many beside 20,000 silent users as beside 10.

    Larger: `--silent-users 1000000`.
    """
    many = int(request.config.getoption("--silent-users"))
    events = TortoiseAllEvents(node.database.client)
    steps = []
    for silent in (10, many):
        with closing(connect(node.path)) as db:
            db.execute(SILENT, {"count": silent})
        cursor = await last_cursor(events)
        taken = await steps_of(node, partial(events.read, cursor, 1 << 60, 500))
        steps.append(taken + await steps_of(node, events.horizon))
    assert steps[0] == steps[1] < 1_000


async def last_cursor(events: TortoiseAllEvents) -> AllEventsCursor:
    horizon = await events.horizon()
    cursor = None
    while page := await events.read(cursor, horizon.settled, 10_000):
        cursor = page[-1].cursor
    assert cursor is not None
    return cursor


async def steps_of(node: Node, work: Callable[[], Awaitable[object]]) -> int:
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1

    reader = node.database.client._connection
    await reader.set_progress_handler(step, 1)
    await work()
    await reader.set_progress_handler(None, 1)
    return steps


async def test_of_another_users_connection_only_the_owner_is_read(tmp_path: Path) -> None:
    """What lies behind large credentials can be read no longer, and only its owner needs it."""
    path, owner = tmp_path / "unplug.sqlite3", a_user()
    migrate_sqlite(path)
    theirs = with_large_credentials(active(owner))
    database = await SqliteDatabase.open(path)
    await database.store.insert([theirs])
    await database.aclose()
    assert break_pages_of(path, CIPHERTEXT) > 40

    node = Node(path, await SqliteDatabase.open(path))
    try:
        assert await node.connections.find_owned(theirs.id, a_user()) is NotFound.NOT_OWNED
        with pytest.raises(StorageError):
            await node.connections.find_owned(theirs.id, owner)
    finally:
        await node.database.aclose()


def with_large_credentials(connection: ProviderConnection) -> ProviderConnection:
    assert connection.credentials is not None
    large = replace(connection.credentials, encrypted_data=CIPHERTEXT * 200_000)
    return replace(connection, credentials=large)


def break_pages_of(path: Path, filling: bytes) -> int:
    """Pages that hold nothing else lead nowhere from now on; how many there were."""
    size, pages = 4096, bytearray(path.read_bytes())
    broken = 0
    for start in range(0, len(pages), size):
        if pages[start + 4 : start + size] == filling * (size - 4):
            pages[start : start + 4] = b"\xff\xff\xff\xfe"
            broken += 1
    path.write_bytes(pages)
    return broken


def test_a_nul_cuts_no_text_off() -> None:
    for text in ("\0", "a\0b", "\\\0"):
        with pytest.raises(ValueError, match="NUL"):
            to_json([text])
    for text in ("u0000", "\\u0000", "\\\\u0000", '"\\\n\x01', "🦊"):
        with closing(sqlite3.connect(":memory:")) as db:
            found = db.execute("SELECT value FROM json_each(?)", (to_json([text]),)).fetchone()
        assert found == (text,)


SMALL = {"json_each", "account", "h", "n", "CONSTANT", "catalogue_providers", "e"}
"""Lists that are given, and tables with a row for each provider or endpoint."""
STATEMENTS = [
    (module, name)
    for module in (commit, revocations, store)
    for name, value in vars(module).items()
    if isinstance(value, str) and re.match(r"(SELECT|INSERT|UPDATE|DELETE|WITH) ", value)
]


def plan(db: sqlite3.Connection, statement: str) -> list[str]:
    sql = re.sub(r"NEW\.\w+", "?1", statement)  # a step of a trigger
    numbered = re.findall(r"\?(\d)", sql)
    values = ["[]"] * (max(map(int, numbered)) if numbered else sql.count("?"))
    return [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", values)]


@pytest.mark.parametrize(("module", "name"), STATEMENTS, ids=[name for _, name in STATEMENTS])
def test_no_table_is_read_as_a_whole(module: ModuleType, name: str, tmp_path: Path) -> None:
    path = tmp_path / "unplug.sqlite3"
    migrate_sqlite(path)
    with closing(sqlite3.connect(path)) as db:
        commit.prepare(db)
        steps = plan(db, getattr(module, name))
    scanned = {step.split()[1] for step in steps if step.startswith("SCAN ")}
    assert scanned <= SMALL
