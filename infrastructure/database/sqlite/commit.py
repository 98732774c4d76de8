"""A whole batch as one transaction on a SQLite file, in the store's thread."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from domain.events import RecordedEvent
from domain.identifiers import AttemptId, ConnectionId, EventId, UserId
from domain.provider_connection import ProviderConnection
from infrastructure.database.members import Member, silent
from infrastructure.database.read_back import ids_to_find, of_members
from infrastructure.database.rows.connections import (
    CIPHERTEXT,
    CONNECTION_COLUMNS,
    FIXED,
    READ_COLUMNS,
    WRITTEN_COLUMNS,
    connection_of,
    connection_row,
)
from infrastructure.database.rows.events import EVENT_COLUMNS, event_of, event_row
from infrastructure.database.sqlite.batch import Batch, Found, Head
from infrastructure.database.sqlite.json_rows import (
    LISTED,
    Row,
    from_json,
    gathered,
    packed,
    to_json,
    value_columns,
)
from infrastructure.database.sqlite.purge import mark_destroyed
from infrastructure.database.sqlite.revocations import TELL, TOLD, Way
from infrastructure.database.store import Outcome, OutcomeUnknown, ReadBack

_CHANGING = CONNECTION_COLUMNS[FIXED:-1]

_FIND_WRITTEN = (
    f"SELECT {', '.join(READ_COLUMNS)}, {CIPHERTEXT} FROM provider_connections WHERE id IN {LISTED}"
)
_CIPHERTEXT = CONNECTION_COLUMNS.index(CIPHERTEXT)
_KEPT = (
    f"coalesce(t.{CIPHERTEXT},"
    f" iif(t.credential_type IS NULL, NULL, provider_connections.{CIPHERTEXT}))"
)
_NEW = {name: _KEPT if name == CIPHERTEXT else f"t.{name}" for name in _CHANGING}
_CHANGED = value_columns((*CONNECTION_COLUMNS, *TOLD), CIPHERTEXT, "NEW.secrets")
_CREATE_CONNECTIONS = (
    f"INSERT INTO provider_connections ({', '.join(CONNECTION_COLUMNS)})"
    f" SELECT {value_columns(CONNECTION_COLUMNS, CIPHERTEXT)} FROM json_each(?1)"
)
BEGINNING = "kind IN ('connected', 'attempted', 'revocation_attempted')"
"""As in the index by attempt, which is used for the same kinds in the same order only."""
_FIND = (
    f"SELECT (SELECT {gathered(WRITTEN_COLUMNS)} FROM provider_connections"
    " WHERE id IN (SELECT value FROM json_each(?1))),"
    f" (SELECT {gathered(('attempt_id',))} FROM open_attempts"
    " WHERE attempt_id IN (SELECT value FROM json_each(?2))),"
    f" (SELECT {gathered(EVENT_COLUMNS)} FROM provider_events"
    f" WHERE {BEGINNING} AND kind = 'attempted'"
    " AND attempt_id IN (SELECT value FROM json_each(?3))),"
    f" (SELECT {gathered(('attempt_id',))} FROM provider_events"
    f" WHERE {BEGINNING} AND attempt_id IN (SELECT value FROM json_each(?4))),"
    f" (SELECT {gathered(('user_id', 'provider_slug', 'provider_account_id'))}"
    " FROM provider_connections JOIN json_each(?5) AS account ON user_id = account.value ->> 0"
    " AND provider_slug = account.value ->> 1 AND provider_account_id = account.value ->> 2"
    " WHERE status <> 'disconnected'),"
    f" (SELECT {gathered(('attempt_id', 'lease'))} FROM pending_revocations"
    " WHERE lease IS NOT NULL AND attempt_id IN (SELECT value FROM json_each(?6))),"
    f" (SELECT {gathered(('slug', 'revocable', 'ends_grant'))} FROM catalogue_providers WHERE ?7),"
    f" (SELECT {gathered(('user_id', 'position', 'event_id'))} FROM log_heads"
    " WHERE user_id IN (SELECT value FROM json_each(?8)"
    f" UNION SELECT user_id FROM provider_events WHERE {BEGINNING} AND kind = 'attempted'"
    " AND attempt_id IN (SELECT value FROM json_each(?3))))"
)
_CHANGE_CONNECTIONS = (
    f"UPDATE provider_connections SET {', '.join(f'{k} = {v}' for k, v in _NEW.items())}, {TELL},"
    " version = provider_connections.version + 1"
    f" FROM (SELECT {_CHANGED} FROM json_each(NEW.changes)) AS t"
    " WHERE provider_connections.id = t.id"
)
OPEN = "INSERT INTO open_attempts (attempt_id) SELECT value FROM json_each(NEW.opened)"
CLOSE = "DELETE FROM open_attempts WHERE attempt_id IN (SELECT value FROM json_each(NEW.closed))"
_ADVANCE_HEADS = (
    "INSERT INTO log_heads (user_id, position, event_id)"
    " SELECT key, value ->> 0, value ->> 1 FROM json_each(NEW.heads) WHERE true"
    " ON CONFLICT (user_id) DO UPDATE SET position = log_heads.position + excluded.position,"
    " event_id = excluded.event_id, previous_id = log_heads.event_id"
)
_MARK_DUE = (
    "INSERT INTO webhook_deliveries (endpoint_id, user_id, position, head, due_at, behind_since)"
    " SELECT e.id, h.key, iif(e.from_start, 0, h.value ->> 0), h.value ->> 1, n.now, n.now"
    " FROM (SELECT strftime('%Y-%m-%d %H:%M:%f+00:00', 'now') AS now) AS n,"
    " webhook_endpoints AS e, json_each(NEW.grown) AS h WHERE e.state <> 'removed'"
    " AND NOT EXISTS (SELECT 1 FROM webhook_deliveries AS d WHERE d.endpoint_id = e.id"
    " AND d.user_id = h.key AND d.head > d.position AND NOT d.stopped)"
    " ON CONFLICT (endpoint_id, user_id) DO UPDATE SET head = excluded.head,"
    " behind_since = iif(webhook_deliveries.head > webhook_deliveries.position,"
    " webhook_deliveries.behind_since, excluded.behind_since)"
)
"""A row that is due already is left as it is: what moves its position reads the log's end."""
_APPEND = (
    f"INSERT INTO provider_events ({', '.join(EVENT_COLUMNS)})"
    f" SELECT {value_columns(EVENT_COLUMNS)} FROM json_each(NEW.events) ORDER BY key"
)
STEPS = (_CHANGE_CONNECTIONS, OPEN, CLOSE, _ADVANCE_HEADS, _MARK_DUE, _APPEND)
_GIVEN = ("changes", "secrets", "opened", "closed", "heads", "grown", "events")
_PREPARE = f"""
CREATE TEMP VIEW batch AS SELECT {", ".join(f"NULL AS {name}" for name in _GIVEN)};
CREATE TEMP TRIGGER write_batch INSTEAD OF INSERT ON batch BEGIN {"; ".join(STEPS)}; END;
"""
_WRITE = f"INSERT INTO temp.batch ({', '.join(_GIVEN)}) VALUES (?, ?, ?, ?, ?, ?, ?)"
"""All steps at once: after each statement the thread would wait for the interpreter's lock."""
_READ_BACK = f"SELECT {', '.join(EVENT_COLUMNS)} FROM provider_events WHERE id IN {LISTED}"


def prepare(db: sqlite3.Connection) -> None:
    """Once for a connection that is to commit."""
    db.executescript(_PREPARE)


def commit(db: sqlite3.Connection, members: Sequence[Member]) -> Sequence[Outcome]:
    """As `BatchStore.commit`, by the driver's exceptions and `OutcomeUnknown`.

    For a connection that was prepared.
    """
    batch = Batch(members)
    # A deferred BEGIN that reads first and writes later is refused at once when another process
    # has written in between, with any busy timeout.
    db.execute("BEGIN IMMEDIATE")
    batch.decide(_found(db, batch), text_row)
    if batch.destroys:
        mark_destroyed(db)
    if batch.created:
        db.execute(_CREATE_CONNECTIONS, packed(batch.created, _CIPHERTEXT))
    batch.revocations.move(db)
    outcomes = batch.record()
    recorded = [item for outcome in outcomes if isinstance(outcome, Sequence) for item in outcome]
    changes = _changes(batch)
    batch.revocations.write(db)
    db.execute(_WRITE, (*changes, *_log(batch, recorded)))
    try:
        db.execute("COMMIT")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_IOERR:
            raise OutcomeUnknown from error
        raise
    return outcomes


def read_back(db: sqlite3.Connection, members: Sequence[Member]) -> Sequence[ReadBack]:
    """As `BatchStore.read_back`, by the driver's exceptions.

    When the disk fails at COMMIT, the commit's frames may be in the WAL: this process does not see
    them, and one that starts anew would. A commit that reaches the disk is written over them.
    """
    db.execute("BEGIN IMMEDIATE")
    # An UPDATE to the same values would write nothing.
    db.execute("INSERT INTO schema_version (version, applied_at) VALUES (0, '')")
    db.execute("DELETE FROM schema_version WHERE version = 0")
    db.execute("COMMIT")
    found = _listed(db, _READ_BACK, ids_to_find(members))
    rows = _listed(db, _FIND_WRITTEN, silent(members))
    now = [connection_of(row[:-1], row[-1]) for row in rows]
    return of_members(members, map(event_of, found), now)


def _changes(batch: Batch) -> tuple[str, bytes, str, str]:
    told = [(*row, *batch.revocations.take_told(row[0])) for row in batch.changes]
    opened, closed = to_json(list(batch.opened)), to_json(batch.closed)
    return *packed(told, _CIPHERTEXT), opened, closed


def _log(batch: Batch, recorded: Sequence[RecordedEvent]) -> tuple[str, str, str]:
    """Heads by user, for webhooks from where to where their logs have grown, and the events."""
    heads = {str(user): [n, str(batch.last[user].event_id)] for user, n in batch.counts.items()}
    grown = {
        str(user): [batch.last[user].position - n, batch.last[user].position]
        for user, n in batch.counts.items()
    }
    rows = [event_row(item) for item in recorded]
    return orjson.dumps(heads).decode(), orjson.dumps(grown).decode(), to_json(rows)


def _found(db: sqlite3.Connection, batch: Batch) -> Found:
    wanted = (
        *(batch.connection_ids, batch.closing, batch.copied),
        *(batch.repeatable, batch.accounts, batch.leased),
    )
    values = [*[to_json(listed) for listed in wanted], batch.may_revoke, to_json(batch.users)]
    found = [from_json(rows) for rows in db.execute(_FIND, values).fetchone()]
    rows, still_open, attempted, recorded, accounts, leases, ways, heads = found
    begun = [event_of(row).event for row in attempted]
    return Found(
        rows={ConnectionId(UUID(row[0])): row for row in rows},
        open_attempts=[AttemptId(UUID(attempt_id)) for (attempt_id,) in still_open],
        attempted={event.attempt_id: event for event in begun if event.attempt_id},
        recorded=[AttemptId(UUID(attempt_id)) for (attempt_id,) in recorded],
        accounts=[(UserId(UUID(user)), slug, account) for user, slug, account in accounts],
        leases={AttemptId(UUID(attempt_id)): UUID(lease) for attempt_id, lease in leases},
        ways={slug: Way(*way) for slug, *way in ways},
        heads={UserId(UUID(user)): Head(n, EventId(UUID(last))) for user, n, last in heads},
    )


def _listed(db: sqlite3.Connection, sql: str, ids: Iterable[UUID]) -> list[Row]:
    listed = to_json(list(ids))
    return db.execute(sql, (listed,)).fetchall() if listed != "[]" else []


def text_row(connection: ProviderConnection) -> Row:
    """From `CONNECTION_COLUMNS`, as the file has it."""
    return tuple(
        [v if type(v) not in _BOUND else _BOUND[type(v)](v) for v in connection_row(connection)]
    )


_BOUND: Mapping[type, Callable[[Any], str]] = {
    UUID: lambda value: orjson.dumps(value)[1:-1].decode(),  # twice as fast as `str`
    datetime: lambda value: value.isoformat(" "),
}
