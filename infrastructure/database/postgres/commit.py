"""A whole batch as one statement: one round trip, one transaction, no lock held in between.

The order of its locks is the same on every node, so that batches can't wait for each other in a
ring: connections by id, then attempts by id, then heads by user. The statement reads under READ
COMMITTED: a row whose lock was waited for is seen as it is after the wait.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from domain.events import RecordedEvent
from domain.identifiers import EventId
from domain.ports import AttemptClosed, ConcurrentUpdate
from infrastructure.database.rows import (
    ATTEMPTED,
    CONNECTION_COLUMNS,
    EVENT_COLUMNS,
    FIXED,
    connection_row,
    event_row,
)
from infrastructure.database.store import Outcome, Write

_TYPES = {
    "id": "uuid",
    "user_id": "uuid",
    "connection_id": "uuid",
    "attempt_id": "uuid",
    "provider_id": "uuid",
    "encrypted_credentials": "bytea",
    "version": "bigint",
    **dict.fromkeys(
        (
            "occurred_at",
            "created_at",
            "credentials_expire_at",
            "connected_at",
            "disconnected_at",
            "last_sync_at",
            "updated_at",
        ),
        "timestamptz",
    ),
}
_POSITION = EVENT_COLUMNS.index("position")
_MEMBER = (*EVENT_COLUMNS[:_POSITION], *EVENT_COLUMNS[_POSITION + 1 :])
_CHANGING = CONNECTION_COLUMNS[FIXED:-1]
_SAVED = ("id", *_CHANGING, "version")


def arrays(columns: Sequence[str], first: int = 1) -> str:
    """Parameters for `unnest`, one array a column."""
    types = [_TYPES.get(column, "text") for column in columns]
    return ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(types, first))


def _of(alias: str, columns: Sequence[str]) -> str:
    return ", ".join(f"{alias}.{column}" for column in columns)


# Built from the constants above alone.
COMMIT = f"""
WITH member AS (
    SELECT * FROM unnest({arrays(_MEMBER, 1)}, ${len(_MEMBER) + 1}::uuid[])
        WITH ORDINALITY AS m ({", ".join(_MEMBER)}, saved_id, n)
), saved AS (
    SELECT * FROM unnest({arrays(_SAVED, len(_MEMBER) + 2)}) AS s ({", ".join(_SAVED)})
), locked AS MATERIALIZED (
    SELECT id, version FROM provider_connections
    WHERE id = ANY (${len(_MEMBER) + 2}::uuid[]) ORDER BY id FOR UPDATE
), open AS MATERIALIZED (
    SELECT attempt_id FROM open_attempts
    WHERE attempt_id IN (SELECT attempt_id FROM member WHERE kind <> '{ATTEMPTED}')
        AND (SELECT count(*) FROM locked) >= 0 -- after the connections' locks
    ORDER BY attempt_id FOR UPDATE
), judged AS MATERIALIZED (
    SELECT m.*,
        m.kind = '{ATTEMPTED}' OR open.attempt_id IS NOT NULL AS is_open,
        m.saved_id IS NULL OR locked.version IS NOT DISTINCT FROM saved.version AS is_current
    FROM member m
        LEFT JOIN saved ON saved.id = m.saved_id
        LEFT JOIN locked ON locked.id = m.saved_id
        LEFT JOIN open ON open.attempt_id = m.attempt_id
), accepted AS MATERIALIZED (
    SELECT *,
        row_number() OVER (PARTITION BY user_id ORDER BY n) AS place,
        lag(id) OVER (PARTITION BY user_id ORDER BY n) AS previous_id,
        count(*) OVER (PARTITION BY user_id) AS events
    FROM judged WHERE is_open AND is_current
), changed AS (
    UPDATE provider_connections c
    SET ({", ".join(_CHANGING)}, version) = ROW ({_of("s", _CHANGING)}, c.version + 1)
    FROM saved s JOIN accepted a ON a.saved_id = s.id
    WHERE c.id = s.id AND ({_of("c", _CHANGING)}) IS DISTINCT FROM ({_of("s", _CHANGING)})
), opened AS (
    INSERT INTO open_attempts (attempt_id)
    SELECT attempt_id FROM accepted WHERE kind = '{ATTEMPTED}'
), closed AS (
    DELETE FROM open_attempts o USING accepted a
    WHERE o.attempt_id = a.attempt_id AND a.kind <> '{ATTEMPTED}'
), head AS (
    INSERT INTO log_heads AS h (user_id, position, event_id)
    SELECT user_id, count(*), (array_agg(id ORDER BY n DESC))[1]
    FROM accepted GROUP BY user_id ORDER BY user_id
    ON CONFLICT (user_id) DO UPDATE SET
        position = h.position + excluded.position,
        event_id = excluded.event_id,
        previous_id = h.event_id
    RETURNING user_id, position, previous_id
), ordered AS MATERIALIZED (
    SELECT next_commit_order() AS commit_order -- once, and not once a row
), appended AS (
    INSERT INTO provider_events (position, commit_order, {", ".join(_MEMBER)})
    SELECT head.position - a.events + a.place, ordered.commit_order, {_of("a", _MEMBER)}
    FROM accepted a JOIN head ON head.user_id = a.user_id, ordered
    RETURNING id, position
)
SELECT j.is_open, j.is_current, appended.position, coalesce(a.previous_id, head.previous_id)
FROM judged j
    LEFT JOIN appended ON appended.id = j.id
    LEFT JOIN accepted a ON a.id = j.id
    LEFT JOIN head ON head.user_id = a.user_id
ORDER BY j.n
"""  # noqa: S608


def parameters(writes: Sequence[Write]) -> list[Sequence[Any]]:
    """Of `COMMIT`, for writes that share neither a connection nor an attempt."""
    members = []
    saved = []
    for write in writes:
        row = event_row(RecordedEvent(event=write.event, position=0))
        connection_id = write.connection.id if write.connection is not None else None
        members.append((*row[:_POSITION], *row[_POSITION + 1 :], connection_id))
        if write.connection is not None:
            stored = connection_row(write.connection)
            saved.append((stored[0], *stored[FIXED:]))
    columns: list[Sequence[Any]] = list(zip(*members, strict=True))
    return columns + (list(zip(*saved, strict=True)) or [()] * len(_SAVED))


def outcome(
    write: Write, is_open: bool, is_current: bool, position: int | None, previous_id: EventId | None
) -> Outcome:
    """From a row of `COMMIT`'s result."""
    if position is not None:
        return RecordedEvent(event=write.event, position=position, previous_id=previous_id)
    return ConcurrentUpdate() if is_open and not is_current else AttemptClosed()


def waves(writes: Sequence[Write]) -> list[list[int]]:
    """Indexes of writes that may be committed together, in order.

    A write waits for the one before it that has the same connection or the same attempt.
    """
    found: list[list[int]] = []
    next_wave: dict[UUID, int] = {}
    for index, write in enumerate(writes):
        keys: list[UUID] = [write.event.attempt_id]
        if write.connection is not None:
            keys.append(write.connection.id)
        number = max(next_wave.get(key, 0) for key in keys)
        next_wave.update(dict.fromkeys(keys, number + 1))
        if number == len(found):
            found.append([])
        found[number].append(index)
    return found
