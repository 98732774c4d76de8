"""The statement of a commit, without the parts that its batch has no use for.

PostgreSQL prepares each part of a statement for every run, also those that are given no rows: for a
small batch that is most of the work.

The order of its locks is the same on every node, so that batches can't wait for each other in a
ring: connections by id, then new connections by account, then attempts by id, then pending
revocations by id, then heads by user, then deliveries by endpoint and user.
The statement reads under READ COMMITTED: a row whose lock was waited for is seen as it is after the
wait.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from infrastructure.database.postgres.locks import PATIENCE
from infrastructure.database.rows.connections import CIPHERTEXT, CONNECTION_COLUMNS, FIXED
from infrastructure.database.rows.events import (
    BEGINNING,
    CLOSING,
    EVENT_COLUMNS,
    OPENING,
    REVOKING,
    SETTLING,
)

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
EVENT = tuple(column for column in EVENT_COLUMNS if column != "position")
_COMMON = EVENT[: EVENT.index("batch_id")]
"""What the events of a user's own disconnection say."""
COPIED = ("user_id", "connection_id", "provider_id", "provider_slug")
"""What `CloseAttempt` leaves to the `Attempted` in the log."""
_CHANGING = CONNECTION_COLUMNS[FIXED:-1]
SAVED = ("is_new", "revocation", *CONNECTION_COLUMNS)
"""`revocation` is the attempt that begins if the provider can revoke what the connection loses."""
LATE = ("n", "attempt_id", "connection_id", "occurred_at", CIPHERTEXT)

ACCOUNT = ("user_id", "provider_slug", "provider_account_id")
"""The order in which connections are inserted: two sessions that insert the same accounts wait for
each other in no ring. Ids are new each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What the members of a batch may bring along, and the columns that this takes."""

    event: Sequence[str]
    saved: Sequence[str] = ()
    is_any: bool = False

    @property
    def sections(self) -> Sequence[Sequence[str]]:
        """The columns of the arrays that the statement takes, in their order."""
        saved = [("n", *self.saved), ("id",)] if self.saved else []
        rare = [("attempt_id",), ("n", "attempt_id"), ("attempt_id", "lease"), LATE]
        return [("n", *self.event), *saved, *(rare if self.is_any else [])]


ATTEMPTS = Contents(event=_COMMON)
"""`Attempted` of users, and nothing else."""
CHANGES = Contents(event=_COMMON, saved=("revocation", "id", *_CHANGING, "version"))
"""Also connections that exist, and what ends an attempt."""
ANYTHING = Contents(event=EVENT, saved=SAVED, is_any=True)


def arrays(columns: Sequence[str], first: int = 1) -> str:
    """Parameters for `unnest`, one array a column."""
    types = [_TYPES.get(column, "text") for column in columns]
    return ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(types, first))


def _of(alias: str, columns: Sequence[str]) -> str:
    return ", ".join(f"{alias}.{column}" for column in columns)


def _kinds(kinds: frozenset[str]) -> str:
    return ", ".join(f"'{kind}'" for kind in sorted(kinds))


def _events(contents: Contents) -> str:
    copied = COPIED if contents.is_any else ()
    return ", ".join(
        f"coalesce(e.{column}, a.{column}) AS {column}" if column in copied else f"e.{column}"
        for column in contents.event
    )


def _nulls(columns: Sequence[str]) -> str:
    return ", ".join(f"NULL::{_TYPES.get(column, 'text')} AS {column}" for column in columns)


def _new(column: str) -> str:
    """What a column becomes. A type without ciphertext leaves the ciphertext as it is stored."""
    if column != CIPHERTEXT:
        return f"s.{column}"
    kept = f"CASE WHEN s.credential_type IS NOT NULL THEN c.{CIPHERTEXT} END"
    return f"coalesce(s.{CIPHERTEXT}, {kept})"


_CHANGED = ", ".join(map(_new, _CHANGING))


def statement(contents: Contents) -> str:
    """For members that bring along no more than that; its parameters are `contents.sections`.

    Lines behind `--[changes]` are for more than attempts, behind `--[any]` for what is rare.
    `n` is a member's number, `k` an event's. Built from the constants above alone.
    """
    given = _numbered(contents)
    event, saved, locked = (next(given, "") for _ in range(3))
    copied, repeatable, leases, late = (next(given, "") for _ in range(4))
    return _without_unused(
        contents,
        f"""
WITH patience AS MATERIALIZED (
    SELECT set_config('lock_timeout', '{PATIENCE}', true) -- for this transaction
--[changes]
), saved AS (
    SELECT * FROM unnest({saved}) AS s (n, {", ".join(contents.saved)})
--[any]
), copied AS MATERIALIZED (
    SELECT attempt_id, {", ".join(COPIED)} FROM provider_events
    WHERE kind = 'attempted' AND attempt_id = ANY ({copied})
--[all]
), event AS MATERIALIZED (
    SELECT e.n, e.k, {_events(contents)}
    FROM unnest({event})
        WITH ORDINALITY AS e (n, {", ".join(contents.event)}, k)
--[any]
        LEFT JOIN copied a ON e.user_id IS NULL AND a.attempt_id = e.attempt_id
--[all]
    WHERE (SELECT count(*) FROM patience) > 0 -- before any lock: a batch may have no connection
--[changes]
), locked AS MATERIALIZED (
    SELECT id, version, status, disconnected_at FROM provider_connections
    WHERE id = ANY ({locked})
        AND (SELECT count(*) FROM patience) > 0 -- and it may have no event
    ORDER BY id FOR UPDATE
--[any]
), recorded AS MATERIALIZED (
    SELECT e.n FROM unnest({repeatable}) AS e (n, attempt_id)
        JOIN provider_events p ON p.attempt_id = e.attempt_id
            AND p.kind IN ({_kinds(BEGINNING)})
), inserted AS (
    INSERT INTO provider_connections ({", ".join(CONNECTION_COLUMNS)})
    SELECT {", ".join(CONNECTION_COLUMNS)} FROM saved
    WHERE is_new AND n NOT IN (SELECT n FROM recorded)
        AND (SELECT count(*) FROM locked) >= 0 -- after the connections' locks
    ORDER BY {", ".join(ACCOUNT)}
    ON CONFLICT DO NOTHING RETURNING id
--[changes]
), open AS MATERIALIZED (
    SELECT attempt_id FROM open_attempts
    WHERE attempt_id IN (SELECT attempt_id FROM event WHERE kind IN ({_kinds(CLOSING)}))
        AND (SELECT count(*) FROM locked) >= 0 -- after them
--[any]
        AND (SELECT count(*) FROM inserted) >= 0
--[changes]
    ORDER BY attempt_id FOR UPDATE
--[any]
), leased AS MATERIALIZED (
    SELECT p.attempt_id FROM pending_revocations p
        JOIN unnest({leases}) AS l (attempt_id, lease)
        ON l.attempt_id = p.attempt_id AND l.lease = p.lease
    WHERE (SELECT count(*) FROM open) >= 0 -- after their locks
    ORDER BY p.attempt_id FOR UPDATE OF p
--[changes]
), refused AS MATERIALIZED (
    SELECT n, 'closed' AS refusal FROM event
    WHERE kind IN ({_kinds(CLOSING)}) AND attempt_id NOT IN (SELECT attempt_id FROM open)
    UNION ALL
    SELECT saved.n, 'stale' FROM saved LEFT JOIN locked ON locked.id = saved.id
    WHERE (
            locked.version IS DISTINCT FROM saved.version
            OR locked.status = 'disconnected' -- for good, also if a restore gave the version again
                AND (saved.status, saved.disconnected_at)
                    IS DISTINCT FROM (locked.status, locked.disconnected_at)
        )
--[any]
        AND NOT saved.is_new
    UNION ALL
    SELECT n, 'stale' FROM saved WHERE is_new AND id NOT IN (SELECT id FROM inserted)
    UNION ALL
    SELECT n, 'recorded' FROM recorded
    UNION ALL
    SELECT n, 'closed' FROM event
    WHERE kind IN ({_kinds(SETTLING)}) AND attempt_id NOT IN (SELECT attempt_id FROM leased)
--[changes]
), revocable AS MATERIALIZED (
    -- the ciphertext that is moved, where the provider can revoke
    SELECT s.n, s.revocation AS attempt_id, c.id AS connection_id,
        NULL::timestamptz AS late_at,
        c.user_id, c.provider_slug, c.{CIPHERTEXT}, p.give_up_after, p.manage_url
    FROM catalogue_providers p JOIN saved s ON s.provider_slug = p.slug
        JOIN provider_connections c ON c.id = s.id
    WHERE p.revocable AND s.revocation IS NOT NULL
        AND (s.status = 'disconnected' OR NOT p.ends_grant) -- replaced: token by token
        AND c.{CIPHERTEXT} IS NOT NULL AND s.n NOT IN (SELECT n FROM refused)
--[any]
    UNION ALL
    SELECT l.n, l.attempt_id, c.id, l.occurred_at,
        c.user_id, c.provider_slug, l.{CIPHERTEXT}, p.give_up_after, p.manage_url
    FROM unnest({late}) AS l ({", ".join(LATE)})
        JOIN provider_connections c ON c.id = l.connection_id AND c.status = 'disconnected'
        JOIN catalogue_providers p ON p.slug = c.provider_slug AND p.revocable
--[all]
), accepted AS MATERIALIZED (
    SELECT *,
        row_number() OVER (PARTITION BY user_id ORDER BY k) AS place,
        lag(id) OVER (PARTITION BY user_id ORDER BY k) AS previous_id,
        count(*) OVER (PARTITION BY user_id) AS events
    FROM event
--[changes]
    WHERE n NOT IN (SELECT n FROM refused)
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
    WHERE c.id = s.id AND s.n NOT IN (SELECT n FROM refused)
--[any]
        AND NOT s.is_new
--[changes]
        AND ({_of("c", _CHANGING)}) IS DISTINCT FROM ({_CHANGED})
--[all]
), opened AS (
    INSERT INTO open_attempts (attempt_id)
    SELECT attempt_id FROM accepted WHERE kind IN ({_kinds(OPENING)})
--[changes]
), closed AS (
    DELETE FROM open_attempts o USING accepted a
    WHERE o.attempt_id = a.attempt_id AND a.kind IN ({_kinds(CLOSING)})
), pending AS (
    INSERT INTO pending_revocations
        (attempt_id, connection_id, user_id, provider_slug, {CIPHERTEXT}, give_up_at)
    SELECT attempt_id, connection_id, user_id, provider_slug, {CIPHERTEXT},
        now() + give_up_after
    FROM revocable
--[any]
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
--[all]
), head AS (
    INSERT INTO log_heads AS h (user_id, position, event_id)
    SELECT user_id, count(*), (array_agg(id ORDER BY k DESC))[1]
    FROM accepted GROUP BY user_id ORDER BY user_id
    ON CONFLICT (user_id) DO UPDATE SET
        position = h.position + excluded.position,
        event_id = excluded.event_id,
        previous_id = h.event_id
    RETURNING user_id, position, previous_id
), due AS MATERIALIZED (
    SELECT mark_due(array_agg(head.user_id), array_agg((head.position - a.events)::int),
        array_agg(head.position))
    FROM head JOIN accepted a ON a.user_id = head.user_id AND a.place = 1
    HAVING EXISTS (SELECT 1 FROM webhook_endpoints WHERE state <> 'removed')
), ordered AS MATERIALIZED (
    SELECT next_commit_order() AS commit_order -- once, and not once a row
    WHERE (SELECT count(*) FROM due) >= 0 -- which nothing else would run
), appended AS (
    INSERT INTO provider_events (position, commit_order, {", ".join(contents.event)})
    SELECT head.position - a.events + a.place, ordered.commit_order, {_of("a", contents.event)}
    FROM accepted a JOIN head ON head.user_id = a.user_id, ordered
    RETURNING id, position, {", ".join(COPIED)}
)
--[changes]
SELECT n, refusal, NULL::uuid AS id, NULL::int AS position, NULL::uuid AS previous_id
--[any]
    , {_nulls(COPIED)}
--[changes]
FROM refused
UNION ALL SELECT NULL, NULL, appended.id, appended.position,
    coalesce(a.previous_id, head.previous_id)
--[attempts]
SELECT NULL::int, NULL, appended.id, appended.position, coalesce(a.previous_id, head.previous_id)
--[any]
    , {_of("appended", COPIED)}
--[all]
FROM appended JOIN accepted a ON a.id = appended.id JOIN head ON head.user_id = a.user_id
""",  # noqa: S608
    )


def _numbered(contents: Contents) -> Iterator[str]:
    first = 1
    for columns in contents.sections:
        yield arrays(columns, first)
        first += len(columns)


def _without_unused(contents: Contents, text: str) -> str:
    used = {"all", "changes" if contents.saved else "attempts"} | (
        {"any"} if contents.is_any else set()
    )
    kept, is_used = [], True
    for line in text.splitlines():
        if line.startswith("--["):
            is_used = line[3:-1] in used
        elif is_used:
            kept.append(line)
    return "\n".join(kept)
