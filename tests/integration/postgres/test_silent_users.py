"""Following all users' events costs what happens, not how many users there are."""

from dataclasses import replace

import asyncpg
import pytest

from domain.events import EventCursor
from infrastructure.database.postgres.connection import PostgresOptions
from infrastructure.database.postgres.database import PostgresDatabase
from infrastructure.persistence.all_events import AllEventsCursor, TortoiseAllEvents

SILENT = """
INSERT INTO provider_events
    (id, user_id, position, kind, occurred_at, connection_id, attempt_id, initiator)
SELECT gen_random_uuid(), gen_random_uuid(), 1, 'attempted', now(), gen_random_uuid(),
    gen_random_uuid(), 'user'
FROM generate_series(1, $1::int)
"""
"""So many users with one event each."""
LAST = """
SELECT commit_order, user_id, position, id FROM provider_events
ORDER BY commit_order DESC, user_id DESC, position DESC LIMIT 1
"""
ROWS = """
SELECT (SELECT sum(seq_tup_read) FROM pg_stat_user_tables)
    + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes) AS rows
"""
"""That were read so far, also of an index."""


async def test_silent_users_cost_a_follower_nothing(
    options: PostgresOptions, request: pytest.FixtureRequest
) -> None:
    """Larger: `--silent-users 1000000`."""
    many = int(request.config.getoption("--silent-users"))
    database = await PostgresDatabase.open(replace(options, pool_size=1))
    events = TortoiseAllEvents(database.client)
    other = await asyncpg.connect(options.url)
    read = []
    for silent in (10, many):
        await other.execute(SILENT, silent)
        await other.execute("ANALYZE provider_events")
        end = await _end(other)
        before = await _rows_read(database)
        assert await events.read(end, 1 << 60, 500) == []
        await events.horizon()
        read.append(await _rows_read(database) - before)
    await other.close()
    await database.aclose()
    assert max(read) < 100


async def _end(db: asyncpg.Connection) -> AllEventsCursor:
    """Behind all that there is."""
    row = await db.fetchrow(LAST)
    assert row is not None
    order, user_id, position, event_id = row
    event = EventCursor(user_id=user_id, position=position, event_id=event_id)
    return AllEventsCursor(commit_order=order, event=event)


async def _rows_read(database: PostgresDatabase) -> int:
    """Of one connection, which has told what it has read."""
    await database.client.execute_query("SELECT pg_stat_force_next_flush()")
    ((rows,),) = (await database.client.execute_query(ROWS))[1]
    return int(rows)
