"""A whole batch as one statement: one round trip, one transaction, no lock held in between.

The order of its locks is the same on every node, so that batches can't wait for each other in a
ring: connections by id, then new connections by account, then attempts by id, then pending
revocations by id, then heads by user, then deliveries by endpoint and user.
The statement reads under READ COMMITTED: a row whose lock was waited for is seen as it is after the
wait.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from domain.events import ProviderEvent, ProviderRef, RecordedEvent
from domain.identifiers import AttemptId, ConnectionId, EventId
from domain.ports import AttemptClosed, AttemptRecorded, ConcurrentUpdate
from infrastructure.database.members import CloseAttempt, Member, Write
from infrastructure.database.postgres.locks import PATIENCE
from infrastructure.database.rows.connections import (
    CIPHERTEXT,
    CONNECTION_COLUMNS,
    FIXED,
    connection_row,
)
from infrastructure.database.rows.events import (
    BEGINNING,
    CLOSING,
    EVENT_COLUMNS,
    OPENING,
    REVOKING,
    SETTLING,
    event_row,
)
from infrastructure.database.store import Outcome, Refusal

_TYPES = {
    "n": "int",
    "id": "uuid",
    "user_id": "uuid",
    "connection_id": "uuid",
    "attempt_id": "uuid",
    "provider_id": "uuid",
    "batch_id": "uuid",
    "previous_connection_id": "uuid",
    "created": "boolean",
    "is_new": "boolean",
    "lease": "uuid",
    "revocation": "uuid",
    "encrypted_credentials": "bytea",
    "credentials_version": "int",
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
_EVENT = (*EVENT_COLUMNS[:_POSITION], *EVENT_COLUMNS[_POSITION + 1 :])
_COPIED = ("user_id", "connection_id", "provider_id", "provider_slug")
"""What `CloseAttempt` leaves to the `Attempted` in the log."""
_CHANGING = CONNECTION_COLUMNS[FIXED:-1]
_SAVED = ("is_new", "revocation", *CONNECTION_COLUMNS)
"""`revocation` is the attempt that begins if the provider can revoke what the connection loses."""
_LATE = ("n", "attempt_id", "connection_id", "occurred_at", CIPHERTEXT)

ACCOUNT = ("user_id", "provider_slug", "provider_account_id")
"""The order in which connections are inserted: two sessions that insert the same accounts wait for
each other in no ring. Ids are new each time."""


def arrays(columns: Sequence[str], first: int = 1) -> str:
    """Parameters for `unnest`, one array a column."""
    types = [_TYPES.get(column, "text") for column in columns]
    return ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(types, first))


def _of(alias: str, columns: Sequence[str]) -> str:
    return ", ".join(f"{alias}.{column}" for column in columns)


def _kinds(kinds: frozenset[str]) -> str:
    return ", ".join(f"'{kind}'" for kind in sorted(kinds))


def _event(column: str) -> str:
    return f"coalesce(e.{column}, a.{column}) AS {column}" if column in _COPIED else f"e.{column}"


def _nulls(columns: Sequence[str]) -> str:
    return ", ".join(f"NULL::{_TYPES.get(column, 'text')} AS {column}" for column in columns)


def _new(column: str) -> str:
    """What a column becomes. A type without ciphertext leaves the ciphertext as it is stored."""
    if column != CIPHERTEXT:
        return f"s.{column}"
    kept = f"CASE WHEN s.credential_type IS NOT NULL THEN c.{CIPHERTEXT} END"
    return f"coalesce(s.{CIPHERTEXT}, {kept})"


_CHANGED = ", ".join(map(_new, _CHANGING))

_REPEATED = len(_SAVED) + len(_EVENT) + 4
"""The number of the first parameter that tells which attempts may be recorded already."""
_LATES = _REPEATED + 2
_LEASES = _LATES + len(_LATE)
_LOCKED = _LEASES + 2


# Built from the constants above alone. `n` is a member's number, `k` an event's.
COMMIT = f"""
WITH patience AS MATERIALIZED (
    SELECT set_config('lock_timeout', '{PATIENCE}', true) -- for this transaction
), saved AS (
    SELECT * FROM unnest({arrays(("n", *_SAVED))}) AS s (n, {", ".join(_SAVED)})
), copied AS MATERIALIZED (
    SELECT attempt_id, {", ".join(_COPIED)} FROM provider_events
    WHERE kind = 'attempted' AND attempt_id = ANY (${len(_SAVED) + 2}::uuid[])
), event AS MATERIALIZED (
    SELECT e.n, e.k, {", ".join(map(_event, _EVENT))}
    FROM unnest({arrays(("n", *_EVENT), len(_SAVED) + 3)})
        WITH ORDINALITY AS e (n, {", ".join(_EVENT)}, k)
        LEFT JOIN copied a ON e.user_id IS NULL AND a.attempt_id = e.attempt_id
    WHERE (SELECT count(*) FROM patience) > 0 -- before any lock: a batch may have no connection
), locked AS MATERIALIZED (
    SELECT id, version FROM provider_connections
    WHERE id = ANY (${_LOCKED}::uuid[])
        AND (SELECT count(*) FROM patience) > 0 -- and it may have no event
    ORDER BY id FOR UPDATE
), recorded AS MATERIALIZED (
    SELECT e.n FROM unnest({arrays(("n", "attempt_id"), _REPEATED)}) AS e (n, attempt_id)
        JOIN provider_events p ON p.attempt_id = e.attempt_id AND p.kind IN ({_kinds(BEGINNING)})
), inserted AS (
    INSERT INTO provider_connections ({", ".join(CONNECTION_COLUMNS)})
    SELECT {", ".join(CONNECTION_COLUMNS)} FROM saved
    WHERE is_new AND n NOT IN (SELECT n FROM recorded)
        AND (SELECT count(*) FROM locked) >= 0 -- after the connections' locks
    ORDER BY {", ".join(ACCOUNT)}
    ON CONFLICT DO NOTHING RETURNING id
), open AS MATERIALIZED (
    SELECT attempt_id FROM open_attempts
    WHERE attempt_id IN (SELECT attempt_id FROM event WHERE kind IN ({_kinds(CLOSING)}))
        AND (SELECT count(*) FROM locked) + (SELECT count(*) FROM inserted) >= 0 -- after them
    ORDER BY attempt_id FOR UPDATE
), leased AS MATERIALIZED (
    SELECT p.attempt_id FROM pending_revocations p
        JOIN unnest({arrays(("attempt_id", "lease"), _LEASES)}) AS l (attempt_id, lease)
        ON l.attempt_id = p.attempt_id AND l.lease = p.lease
    WHERE (SELECT count(*) FROM open) >= 0 -- after their locks
    ORDER BY p.attempt_id FOR UPDATE OF p
), refused AS MATERIALIZED (
    SELECT n, 'recorded' AS refusal FROM recorded
    UNION ALL
    SELECT n, 'closed' FROM event
    WHERE kind IN ({_kinds(CLOSING)}) AND attempt_id NOT IN (SELECT attempt_id FROM open)
    UNION ALL
    SELECT n, 'closed' FROM event
    WHERE kind IN ({_kinds(SETTLING)}) AND attempt_id NOT IN (SELECT attempt_id FROM leased)
    UNION ALL
    SELECT saved.n, 'stale' FROM saved LEFT JOIN locked ON locked.id = saved.id
    WHERE NOT saved.is_new AND locked.version IS DISTINCT FROM saved.version
    UNION ALL
    SELECT n, 'stale' FROM saved WHERE is_new AND id NOT IN (SELECT id FROM inserted)
), revocable AS MATERIALIZED ( -- the ciphertext that is moved, where the provider can revoke
    SELECT s.n, s.revocation AS attempt_id, c.id AS connection_id, NULL::timestamptz AS late_at,
        c.user_id, c.provider_slug, c.{CIPHERTEXT}, p.give_up_after, p.manage_url
    FROM catalogue_providers p JOIN saved s ON s.provider_slug = p.slug
        JOIN provider_connections c ON c.id = s.id
    WHERE p.revocable AND s.revocation IS NOT NULL
        AND (s.status = 'disconnected' OR NOT p.ends_grant) -- what is replaced, token by token
        AND c.{CIPHERTEXT} IS NOT NULL AND s.n NOT IN (SELECT n FROM refused)
    UNION ALL
    SELECT l.n, l.attempt_id, c.id, l.occurred_at,
        c.user_id, c.provider_slug, l.{CIPHERTEXT}, p.give_up_after, p.manage_url
    FROM unnest({arrays(_LATE, _LATES)}) AS l ({", ".join(_LATE)})
        JOIN provider_connections c ON c.id = l.connection_id AND c.status = 'disconnected'
        JOIN catalogue_providers p ON p.slug = c.provider_slug AND p.revocable
), accepted AS MATERIALIZED (
    SELECT *,
        row_number() OVER (PARTITION BY user_id ORDER BY k) AS place,
        lag(id) OVER (PARTITION BY user_id ORDER BY k) AS previous_id,
        count(*) OVER (PARTITION BY user_id) AS events
    FROM event WHERE n NOT IN (SELECT n FROM refused)
        AND (kind <> '{REVOKING}' OR n IN (SELECT n FROM revocable))
), changed AS (
    UPDATE provider_connections c
    SET ({", ".join(_CHANGING)}, version) = ROW ({_CHANGED}, c.version + 1),
        (revocation_status, revocation_since, revocation_attempt_id, manage_url) =
            ROW (CASE
                WHEN k.slug IS NULL THEN c.revocation_status
                WHEN s.n IN (SELECT n FROM revocable) THEN 'pending'
                WHEN k.revocable THEN 'nothing_to_revoke'
                ELSE 'not_supported'
            END, CASE WHEN k.slug IS NULL THEN c.revocation_since ELSE s.updated_at END,
            CASE WHEN k.slug IS NULL THEN c.revocation_attempt_id ELSE s.revocation END,
            CASE WHEN k.slug IS NULL THEN c.manage_url ELSE k.manage_url END)
    FROM saved s LEFT JOIN catalogue_providers k ON k.slug = s.provider_slug
        AND s.status = 'disconnected' AND s.revocation IS NOT NULL
    WHERE c.id = s.id AND NOT s.is_new AND s.n NOT IN (SELECT n FROM refused)
        AND ({_of("c", _CHANGING)}) IS DISTINCT FROM ({_CHANGED})
), opened AS (
    INSERT INTO open_attempts (attempt_id)
    SELECT attempt_id FROM accepted WHERE kind IN ({_kinds(OPENING)})
), closed AS (
    DELETE FROM open_attempts o USING accepted a
    WHERE o.attempt_id = a.attempt_id AND a.kind IN ({_kinds(CLOSING)})
), pending AS (
    INSERT INTO pending_revocations
        (attempt_id, connection_id, user_id, provider_slug, {CIPHERTEXT}, give_up_at)
    SELECT attempt_id, connection_id, user_id, provider_slug, {CIPHERTEXT}, now() + give_up_after
    FROM revocable
), settled AS (
    DELETE FROM pending_revocations p USING accepted a
    WHERE p.attempt_id = a.attempt_id AND a.kind IN ({_kinds(SETTLING)})
), told AS ( -- connections that are in no `saved`
    UPDATE provider_connections c
    SET (revocation_status, revocation_since, revocation_attempt_id, manage_url) =
        ROW (t.status, t.since, t.attempt_id, coalesce(t.manage_url, c.manage_url))
    FROM (
        SELECT connection_id, occurred_at AS since, attempt_id, NULL AS manage_url, CASE
                WHEN kind = 'revocation_succeeded' THEN evidence
                WHEN reason = 'shared_grant' THEN reason
                ELSE 'failed'
            END AS status
        FROM accepted WHERE kind IN ({_kinds(SETTLING)})
        UNION ALL
        SELECT connection_id, late_at, attempt_id, manage_url, 'pending'
        FROM revocable WHERE late_at IS NOT NULL
    ) AS t
    WHERE c.id = t.connection_id
        AND (t.status = 'pending' OR c.revocation_attempt_id = t.attempt_id)
), head AS (
    INSERT INTO log_heads AS h (user_id, position, event_id)
    SELECT user_id, count(*), (array_agg(id ORDER BY k DESC))[1]
    FROM accepted GROUP BY user_id ORDER BY user_id
    ON CONFLICT (user_id) DO UPDATE SET
        position = h.position + excluded.position,
        event_id = excluded.event_id,
        previous_id = h.event_id
    RETURNING user_id, position, previous_id
), due AS (
    INSERT INTO webhook_deliveries AS d (endpoint_id, user_id, position, head)
    SELECT e.id, head.user_id, CASE WHEN e.from_start THEN 0 ELSE head.position -
        (SELECT count(*) FROM accepted a WHERE a.user_id = head.user_id) END, head.position
    FROM head, webhook_endpoints e -- as this statement sees them
    WHERE e.state <> 'removed'
    ORDER BY e.id, head.user_id
    ON CONFLICT (endpoint_id, user_id) DO UPDATE SET
        head = excluded.head,
        behind_since = CASE WHEN d.head > d.position THEN d.behind_since
            ELSE excluded.behind_since END
), ordered AS MATERIALIZED (
    SELECT next_commit_order() AS commit_order -- once, and not once a row
), appended AS (
    INSERT INTO provider_events (position, commit_order, {", ".join(_EVENT)})
    SELECT head.position - a.events + a.place, ordered.commit_order, {_of("a", _EVENT)}
    FROM accepted a JOIN head ON head.user_id = a.user_id, ordered
    RETURNING id, position, {", ".join(_COPIED)}
)
SELECT n, refusal, NULL::uuid AS id, NULL::int AS position, NULL::uuid AS previous_id,
    {_nulls(_COPIED)}
FROM refused
UNION ALL SELECT NULL, NULL, appended.id, appended.position,
    coalesce(a.previous_id, head.previous_id), {_of("appended", _COPIED)}
FROM appended JOIN accepted a ON a.id = appended.id JOIN head ON head.user_id = a.user_id
"""  # noqa: S608


def parameters(members: Sequence[Member]) -> list[Sequence[Any]]:
    """Of `COMMIT`, for members that have no key in common."""
    saved = []
    events = []
    copied = []
    repeated: list[tuple[int, AttemptId]] = []
    late = []
    leases = []
    locked: list[ConnectionId] = []
    for n, member in enumerate(members):
        if isinstance(member, CloseAttempt):
            copied.append(member.attempt_id)
            events.append((n, *_row_to_complete(member)))
            continue
        if member.connection is not None:
            revocation = member.revocation and member.revocation.attempt_id
            saved.append((n, member.is_new, revocation, *connection_row(member.connection)))
            locked.append(member.connection.id)
        if member.late is not None and (begun := member.revocation) is not None:
            facts = (begun.attempt_id, begun.connection_id, begun.occurred_at)
            late.append((n, *facts, member.late))
        elif member.lease is not None:
            leases += [(event.attempt_id, member.lease) for event in member.events]
        locked += member.revoked
        repeated += [(n, attempt_id) for attempt_id in member.repeatable]
        for event in member.possible:
            row = event_row(RecordedEvent(event=event, position=0))
            events.append((n, *row[:_POSITION], *row[_POSITION + 1 :]))
    return [
        *_columns(saved, len(_SAVED) + 1),
        copied,
        *_columns(events, len(_EVENT) + 1),
        *_columns(repeated, 2),
        *_columns(late, len(_LATE)),
        *_columns(leases, 2),
        locked,
    ]


def _row_to_complete(close: CloseAttempt) -> Sequence[Any]:
    known = {
        "id": close.event_id,
        "kind": "failed",
        "occurred_at": close.occurred_at,
        "attempt_id": close.attempt_id,
        "reason": close.reason.value,
    }
    return [known.get(column) for column in _EVENT]


def _columns(rows: Sequence[Sequence[Any]], count: int) -> list[Sequence[Any]]:
    return list(zip(*rows, strict=True)) or [()] * count


_REFUSED: dict[str, type[Refusal]] = {
    "closed": AttemptClosed,
    "recorded": AttemptRecorded,
    "stale": ConcurrentUpdate,
}
_REFUSALS = tuple(_REFUSED)
"""The first that holds is the member's."""


def outcomes(members: Sequence[Member], rows: Iterable[Sequence[Any]]) -> Sequence[Outcome]:
    """From `COMMIT`'s result."""
    refused: dict[int, str] = {}
    places: dict[UUID, tuple[int, EventId | None]] = {}
    copies: dict[UUID, Sequence[Any]] = {}
    for n, refusal, event_id, position, previous_id, *copied in rows:
        if event_id is not None:
            places[event_id] = (position, previous_id)
            copies[event_id] = copied
        else:
            refused[n] = min(refused.get(n, refusal), refusal, key=_REFUSALS.index)
    return [
        _REFUSED[refused[n]]()
        if n in refused
        else [
            RecordedEvent(
                event=event, position=places[event.id][0], previous_id=places[event.id][1]
            )
            for event in _events(member, copies)
            if event.id in places
        ]
        for n, member in enumerate(members)
    ]


def _events(member: Member, copies: Mapping[UUID, Sequence[Any]]) -> Sequence[ProviderEvent]:
    if isinstance(member, Write):
        return member.possible
    user_id, connection_id, provider_id, slug = copies[member.event_id]
    return [
        member.failed(
            user_id, connection_id, None if slug is None else ProviderRef(id=provider_id, slug=slug)
        )
    ]


def waves(members: Sequence[Member]) -> list[list[int]]:
    """Indexes of members that may be committed together, in order.

    A member waits for the one before it that has a key in common.
    """
    found: list[list[int]] = []
    next_wave: dict[Hashable, int] = {}
    for index, member in enumerate(members):
        number = max((next_wave.get(key, 0) for key in member.keys), default=0)
        next_wave.update(dict.fromkeys(member.keys, number + 1))
        if number == len(found):
            found.append([])
        found[number].append(index)
    return found
