"""Rows that other sessions have locked, and what became of commits whose outcome is unknown.

Nothing here waits for such a row: it may be locked for as long as its session likes.
"""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from infrastructure.database.members import CloseAttempt, Member, Write, silent
from infrastructure.database.read_back import ids_to_find, of_members
from infrastructure.database.rows.connections import CIPHERTEXT, READ_COLUMNS, connection_of
from infrastructure.database.rows.events import EVENT_COLUMNS, event_of
from infrastructure.database.store import ReadBack, StillInDoubt

FIND = f"SELECT {', '.join(EVENT_COLUMNS)} FROM provider_events WHERE id = ANY ($1)"

# Locks what is free, in the order of commits, until the transaction ends.
_LOCKED = """
WITH connection AS MATERIALIZED (
    SELECT id FROM provider_connections WHERE id = ANY ($1::uuid[])
    ORDER BY id FOR UPDATE SKIP LOCKED
), attempt AS MATERIALIZED (
    SELECT attempt_id FROM open_attempts
    WHERE attempt_id = ANY ($1) AND (SELECT count(*) FROM connection) >= 0
    ORDER BY attempt_id FOR UPDATE SKIP LOCKED
), begun AS MATERIALIZED (
    SELECT attempt_id, user_id FROM provider_events
    WHERE kind = 'attempted' AND attempt_id = ANY ($2)
), head AS MATERIALIZED (
    SELECT user_id FROM log_heads
    WHERE user_id IN (SELECT unnest($1::uuid[]) UNION SELECT user_id FROM begun)
        AND (SELECT count(*) FROM attempt) >= 0
    ORDER BY user_id FOR UPDATE SKIP LOCKED
)
SELECT id FROM provider_connections
WHERE id = ANY ($1) AND id NOT IN (SELECT id FROM connection)
UNION ALL
SELECT attempt_id FROM open_attempts
WHERE attempt_id = ANY ($1) AND attempt_id NOT IN (SELECT attempt_id FROM attempt)
UNION ALL
SELECT user_id FROM log_heads
WHERE user_id = ANY ($1) AND user_id NOT IN (SELECT user_id FROM head)
UNION ALL
SELECT attempt_id FROM begun WHERE user_id NOT IN (SELECT user_id FROM head)
"""
_WRITTEN = (
    f"SELECT {', '.join(READ_COLUMNS)}, {CIPHERTEXT} FROM provider_connections WHERE id = ANY ($1)"
)
# Makes the head of a new user too, so that there is something to wait for. It is rolled back.
_LOCK_HEADS = (
    "INSERT INTO log_heads AS h (user_id, position, event_id)"
    " SELECT user_id, 1, user_id FROM unnest($1::uuid[]) AS user_id ORDER BY user_id"
    " ON CONFLICT (user_id) DO UPDATE SET position = h.position"
)
PATIENCE = "200ms"
"""How long a statement of the writer waits for a lock: other nodes' commits take less."""


async def locked_rows(connection: asyncpg.Connection, members: Sequence[Member]) -> frozenset[UUID]:
    """As `BatchStore.locked_rows`, by the driver's exceptions."""
    rows = sorted(frozenset().union(*(member.rows for member in members)))
    closed = [member.attempt_id for member in members if isinstance(member, CloseAttempt)]
    found = await connection.fetch(_LOCKED, rows, closed)
    return frozenset(row[0] for row in found)


async def read_back(
    connection: asyncpg.Connection, members: Sequence[Member]
) -> Sequence[ReadBack]:
    """As `BatchStore.read_back`, by the driver's exceptions.

    A commit that is under way holds the head of its user. Members whose rows are free are looked
    up behind these locks, so that what was found then is final.
    """
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
        locked = await locked_rows(connection, members)
        free = [member for member in members if not member.rows & locked]
        await connection.execute(_LOCK_HEADS, _users(free))
        # A statement of its own: it has to see what became visible during the wait.
        events = await connection.fetch(FIND, ids_to_find(free))
        written = await connection.fetch(_WRITTEN, sorted(silent(free)))
    except asyncpg.LockNotAvailableError:  # a new user's head
        return [StillInDoubt()] * len(members)
    finally:
        await transaction.rollback()
    connections = [connection_of(tuple(row)[:-1], row[-1]) for row in written]
    found = iter(of_members(free, map(event_of, events), connections))
    return [StillInDoubt() if member.rows & locked else next(found) for member in members]


def _users(members: Sequence[Member]) -> Sequence[UUID]:
    writes = [member for member in members if isinstance(member, Write)]
    return list({event.user_id for write in writes for event in write.possible})
