"""What the database itself refuses, and how its schema gets there."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from infrastructure.database.members import Write
from infrastructure.database.migrate import migrations
from infrastructure.database.postgres.connection import PostgresOptions
from infrastructure.database.postgres.database import PostgresDatabase
from infrastructure.database.postgres.migrate import migrate_postgres
from tests.contracts.worlds.world import NOW, active, attempted
from tests.support.ids import a_connection, a_user

USER, CONNECTION = a_user(1), a_connection(2)


@pytest.fixture
async def db(options: PostgresOptions) -> AsyncIterator[asyncpg.Connection]:
    """An operator's connection to a database with one connection and one event."""
    database = await PostgresDatabase.open(options)
    await database.store.insert([replace(active(USER), id=CONNECTION)])
    await database.store.commit([Write(events=(attempted(USER, CONNECTION),))])
    await database.aclose()
    connection = await asyncpg.connect(options.url)
    yield connection
    await connection.close()


async def test_many_who_migrate_at_once_do_it_once(empty: PostgresOptions) -> None:
    applied = await asyncio.gather(*(migrate_postgres(empty.url) for _ in range(10)))

    names = [migration.name for migration in migrations("postgres")]
    assert sorted(map(list, applied)) == [[]] * 9 + [names]


@pytest.mark.parametrize(
    ("sql", "current"),
    [
        ("DROP TABLE schema_version", False),
        ("DELETE FROM schema_version", False),
        ("SELECT 1", True),
        ("INSERT INTO schema_version VALUES (1000, now())", True),
    ],
)
async def test_a_schema_is_current_unless_it_is_older(
    options: PostgresOptions, db: asyncpg.Connection, sql: str, current: bool
) -> None:
    await db.execute(sql)
    database = await PostgresDatabase.open(options)
    assert await database.schema_is_current() is current
    await database.aclose()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE provider_events SET occurred_at = now()",
        "DELETE FROM provider_events",
        "TRUNCATE provider_events",
        "INSERT INTO provider_events SELECT * FROM provider_events"
        " ON CONFLICT (id) DO UPDATE SET occurred_at = now()",
    ],
)
async def test_the_log_can_only_grow(db: asyncpg.Connection, sql: str) -> None:
    with pytest.raises(asyncpg.RaiseError, match="can only grow"):
        await db.execute(sql)
    assert await db.fetchval("SELECT count(*) FROM provider_events") == 1


@pytest.mark.parametrize(
    "change",
    [
        "status = 'gone'",
        "status = 'disconnected'",
        "encrypted_credentials = NULL",
        "encrypted_credentials = NULL, credential_type = NULL, credentials_expire_at = NULL",
        "encrypted_credentials = ''",
        "provider_slug = ''",
        "provider_slug = repeat('x', 51)",
        "alias = repeat('x', 101)",
        "version = 0",
    ],
)
async def test_impossible_connections_are_refused(db: asyncpg.Connection, change: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await db.execute(f"UPDATE provider_connections SET {change}")  # noqa: S608 (constants)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"position": 1}, asyncpg.UniqueViolationError),
        ({"kind": "succeeded", "initiator": None}, None),
        ({"attempt_id": None}, asyncpg.UniqueViolationError),
        ({"position": 0}, asyncpg.CheckViolationError),
        ({"kind": "failed", "initiator": None}, asyncpg.CheckViolationError),
        ({"initiator": None}, asyncpg.CheckViolationError),
        ({"kind": "connected", "initiator": None}, asyncpg.CheckViolationError),
        ({"kind": "access_lost", "initiator": None}, asyncpg.CheckViolationError),
        ({"reason": "interrupted"}, asyncpg.CheckViolationError),
        ({"kind": "failed", "initiator": None, "reason": "bad luck"}, asyncpg.CheckViolationError),
        ({"provider_slug": "schwab"}, asyncpg.CheckViolationError),
    ],
)
async def test_impossible_events_are_refused(
    db: asyncpg.Connection, values: dict[str, object], error: type[Exception] | None
) -> None:
    row = await db.fetchrow("SELECT * FROM provider_events")
    assert row is not None
    event = dict(row) | {"id": uuid7(), "position": 2, "attempt_id": uuid7()} | values
    event["attempt_id"] = event["attempt_id"] or row["attempt_id"]
    places = ", ".join(f"${number}" for number in range(1, len(event) + 1))
    insert = f"INSERT INTO provider_events ({', '.join(event)}) VALUES ({places})"  # noqa: S608
    if error is None:
        await db.execute(insert, *event.values())
    else:
        with pytest.raises(error):
            await db.execute(insert, *event.values())


async def test_an_attempt_has_one_outcome_of_either_kind(db: asyncpg.Connection) -> None:
    insert = (
        "INSERT INTO provider_events SELECT $1, user_id, $2, $3, $4, connection_id, attempt_id,"
        " NULL, NULL, $5 FROM provider_events WHERE position = 1"
    )
    await db.execute(insert, uuid7(), 2, "succeeded", NOW, None)
    with pytest.raises(asyncpg.UniqueViolationError):
        await db.execute(insert, uuid7(), 3, "failed", NOW, "interrupted")


async def test_deliveries_that_were_due_are_due(empty: PostgresOptions) -> None:
    connection = await asyncpg.connect(empty.url)
    for migration in migrations("postgres")[:4]:
        await connection.execute(migration.sql)
    await connection.execute("INSERT INTO schema_version VALUES (4, now())")
    behind, up_to_date, stopped = a_user(1), a_user(2), a_user(3)
    endpoint_id = uuid7()
    await connection.copy_records_to_table(
        "webhook_deliveries",
        records=[
            (endpoint_id, behind, 1, 2, False),
            (endpoint_id, up_to_date, 2, 2, False),
            (endpoint_id, stopped, 1, 2, True),
        ],
        columns=("endpoint_id", "user_id", "position", "head", "stopped"),
    )
    await migrate_postgres(empty.url)
    due = await connection.fetch("SELECT user_id FROM webhook_deliveries WHERE is_due")
    assert [row["user_id"] for row in due] == [behind]
    await connection.close()


async def test_an_advancing_head_writes_no_index(db: asyncpg.Connection) -> None:
    """Else no update of a delivery is heap-only, and each leaves an entry until the next vacuum."""
    indexes = await db.fetch(
        "SELECT indexdef FROM pg_indexes WHERE tablename = 'webhook_deliveries'"
    )
    assert len(indexes) == 3
    assert not [index["indexdef"] for index in indexes if "head" in index["indexdef"]]
