"""The writer's side of a SQLite file: plain `sqlite3` in a thread of its own.

One hop per batch, where Tortoise would need one per statement, and no cancellation reaches it.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import orjson
import structlog

from domain.identifiers import AttemptId, ConnectionId, EventId, UserId
from domain.ports import StorageError
from domain.provider_connection import ProviderConnection
from infrastructure.database.driver_errors import words
from infrastructure.database.error_sentences import explain_error
from infrastructure.database.rows import (
    CIPHERTEXT,
    CONNECTION_COLUMNS,
    EVENT_COLUMNS,
    FIXED,
    READ_COLUMNS,
    connection_of,
    connection_row,
    event_of,
    event_row,
)
from infrastructure.database.sqlite.batch import Batch, Found, Head, Row
from infrastructure.database.sqlite.bulk import (
    FORGET_KEY,
    RECORD_KEY,
    insert_connections,
    replace_credentials,
)
from infrastructure.database.sqlite.connection import BUSY_TIMEOUT, connect
from infrastructure.database.sqlite.purge import mark_destroyed
from infrastructure.database.store import (
    Account,
    Member,
    MemberRefused,
    Outcome,
    ReadBack,
    StoredCredential,
    event_ids,
    of_members,
    silent,
)

log = structlog.get_logger(__name__)
T = TypeVar("T")

_CHANGING = CONNECTION_COLUMNS[FIXED:-1]
_LISTED = "(SELECT value FROM json_each(?))"
_EVENTS = f"SELECT {', '.join(EVENT_COLUMNS)} FROM provider_events"

_FIND_CONNECTIONS = (
    f"SELECT {', '.join(READ_COLUMNS)} FROM provider_connections WHERE id IN {_LISTED}"
)
_FIND_WRITTEN = _FIND_CONNECTIONS.replace(" FROM", f", {CIPHERTEXT} FROM", 1)
_KEPT = f"coalesce(:{CIPHERTEXT}, iif(:credential_type IS NULL, NULL, {CIPHERTEXT}))"
_NEW = {name: _KEPT if name == CIPHERTEXT else f":{name}" for name in _CHANGING}
_CHANGE_CONNECTION = (
    f"UPDATE provider_connections SET {', '.join(f'{name} = {new}' for name, new in _NEW.items())},"
    " version = version + 1 WHERE id = :id"
)
_CREATE_CONNECTION = (
    f"INSERT INTO provider_connections ({', '.join(CONNECTION_COLUMNS)})"
    f" VALUES ({', '.join('?' * len(CONNECTION_COLUMNS))})"
)
_FIND_ACCOUNTS = (
    "SELECT user_id, provider_slug, provider_account_id FROM provider_connections"
    " JOIN json_each(?) AS account ON user_id = account.value ->> 0"
    " AND provider_slug = account.value ->> 1 AND provider_account_id = account.value ->> 2"
    " WHERE status <> 'disconnected'"
)
_FIND_RECORDED = (
    "SELECT attempt_id FROM provider_events WHERE kind IN ('connected', 'attempted')"
    f" AND attempt_id IN {_LISTED}"
)
_FIND_OPEN = f"SELECT attempt_id FROM open_attempts WHERE attempt_id IN {_LISTED}"
_OPEN = "INSERT INTO open_attempts (attempt_id) SELECT value FROM json_each(?)"
_CLOSE = f"DELETE FROM open_attempts WHERE attempt_id IN {_LISTED}"
_ADVANCE_HEADS = (
    "INSERT INTO log_heads (user_id, position, event_id)"
    " SELECT key, value ->> 0, value ->> 1 FROM json_each(?) WHERE true"
    " ON CONFLICT (user_id) DO UPDATE SET position = log_heads.position + excluded.position,"
    " event_id = excluded.event_id, previous_id = log_heads.event_id"
    " RETURNING user_id, position, previous_id"
)
_APPEND = (
    f"INSERT INTO provider_events ({', '.join(EVENT_COLUMNS)})"
    f" VALUES ({', '.join('?' * len(EVENT_COLUMNS))})"
)
_FIND_ATTEMPTED = f"{_EVENTS} WHERE kind = 'attempted' AND attempt_id IN {_LISTED}"
_READ_BACK = f"{_EVENTS} WHERE id IN {_LISTED}"
_ABANDONED = (
    "SELECT attempt_id FROM open_attempts WHERE attempt_id > ?1"
    " AND (?2 IS NULL OR opened_at <= strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', ?2))"
    " ORDER BY attempt_id LIMIT ?3"
)


class SqliteStore:
    """`Store` on one file."""

    def __init__(self, path: Path, *, busy_timeout: int = BUSY_TIMEOUT) -> None:
        self._path = path
        self._busy_timeout = busy_timeout
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")
        self._connection: sqlite3.Connection | None = None

    async def commit(self, members: Sequence[Member]) -> Sequence[Outcome]:
        """See `Store.commit`. What fails is rolled back: no outcome is ever unknown."""
        return await self._run(lambda db: _commit(db, members))

    async def insert(self, connections: Sequence[ProviderConnection]) -> int:
        rows = [_text_row(connection) for connection in connections]
        return await self._alone(lambda db: insert_connections(db, rows))

    async def replace_credentials(self, changed: Sequence[StoredCredential]) -> int:
        return await self._alone(lambda db: replace_credentials(db, changed))

    @property
    def lock_timeout(self) -> float:
        """Of no use: a file is locked as a whole."""
        return 0

    async def locked_rows(self, _: Sequence[Member]) -> Collection[UUID]:
        """None: a file is locked as a whole."""
        return ()

    async def read_back(self, members: Sequence[Member]) -> Sequence[ReadBack]:
        ids = _json(str(event_id) for event_id in chain.from_iterable(map(event_ids, members)))
        found = await self._alone(lambda db: db.execute(_READ_BACK, (ids,)).fetchall())
        written = silent(members)
        rows = await self._alone(lambda db: _listed(db, _FIND_WRITTEN, written))
        now = [connection_of(row[:-1], row[-1]) for row in rows]
        return of_members(members, map(event_of, found), now)

    async def record_key(self, fingerprint: str) -> None:
        await self._alone(lambda db: db.execute(RECORD_KEY, (fingerprint,)))

    async def forget_key(self, fingerprint: str) -> None:
        await self._alone(lambda db: db.execute(FORGET_KEY, (fingerprint,)))

    async def abandoned(
        self, older_than: timedelta | None, after: AttemptId | None, limit: int
    ) -> Sequence[AttemptId]:
        since = f"-{older_than.total_seconds()} seconds" if older_than is not None else None
        values = (str(after or ""), since, limit)
        found = await self._alone(lambda db: db.execute(_ABANDONED, values).fetchall())
        return [AttemptId(UUID(attempt_id)) for (attempt_id,) in found]

    async def aclose(self) -> None:
        """After the last commit."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown()

    async def _alone(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What is no batch has no members to retry."""
        try:
            return await self._run(work)
        except MemberRefused:
            raise StorageError from None

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._guard, work)

    def _guard(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Driver exceptions stop here, and no transaction outlives its work."""
        try:
            if self._connection is None:
                self._connection = connect(self._path, busy_timeout=self._busy_timeout)
            return work(self._connection)
        except Exception as error:  # noqa: BLE001 (any error ends the transaction)
            self._roll_back()
            log.warning("write_failed", error=words(error))
            if _whole_database(error):
                raise StorageError(explain_error(error)) from None
            raise MemberRefused from None

    def _roll_back(self) -> None:
        """An error at COMMIT leaves the transaction open. Closing ends it as well."""
        try:
            if self._connection is not None and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _commit(db: sqlite3.Connection, members: Sequence[Member]) -> Sequence[Outcome]:
    batch = Batch(members)
    # A deferred BEGIN that reads first and writes later is refused at once when another process
    # has written in between, with any busy timeout.
    db.execute("BEGIN IMMEDIATE")
    batch.decide(_found(db, batch), _text_row)
    if batch.destroys:
        mark_destroyed(db)
    db.executemany(_CREATE_CONNECTION, batch.created)
    if batch.changes:
        db.executemany(_CHANGE_CONNECTION, batch.changes)
    _listed(db, _OPEN, batch.opened)
    _listed(db, _CLOSE, batch.closed)
    outcomes = batch.record(_advanced(db, batch))
    recorded = [item for outcome in outcomes if isinstance(outcome, Sequence) for item in outcome]
    db.executemany(_APPEND, [_text(event_row(item)) for item in recorded])
    db.execute("COMMIT")
    return outcomes


def _advanced(db: sqlite3.Connection, batch: Batch) -> dict[UserId, Head]:
    new = {str(user): [count, str(batch.last_ids[user])] for user, count in batch.counts.items()}
    rows = db.execute(_ADVANCE_HEADS, (orjson.dumps(new).decode(),)).fetchall()
    return {
        UserId(UUID(user_id)): Head(position, EventId(UUID(previous)) if previous else None)
        for user_id, position, previous in rows
    }


def _found(db: sqlite3.Connection, batch: Batch) -> Found:
    rows = _listed(db, _FIND_CONNECTIONS, batch.connection_ids)
    still_open = _listed(db, _FIND_OPEN, batch.closing)
    attempted = [event_of(row).event for row in _listed(db, _FIND_ATTEMPTED, batch.copied)]
    return Found(
        rows={ConnectionId(UUID(row[0])): row for row in rows},
        open_attempts=[AttemptId(UUID(attempt_id)) for (attempt_id,) in still_open],
        attempted={event.attempt_id: event for event in attempted if event.attempt_id},
        recorded=_recorded(db, batch.repeatable),
        accounts=_accounts(db, batch.accounts),
    )


def _recorded(db: sqlite3.Connection, attempt_ids: Sequence[AttemptId]) -> set[AttemptId]:
    found = _listed(db, _FIND_RECORDED, attempt_ids)
    return {AttemptId(UUID(attempt_id)) for (attempt_id,) in found}


def _accounts(db: sqlite3.Connection, accounts: Sequence[Account]) -> set[Account]:
    if not accounts:
        return set()
    wanted = orjson.dumps([[str(user), slug, account] for user, slug, account in accounts])
    found = db.execute(_FIND_ACCOUNTS, (wanted.decode(),)).fetchall()
    return {(UserId(UUID(user)), slug, account) for user, slug, account in found}


def _listed(db: sqlite3.Connection, sql: str, ids: Iterable[UUID]) -> list[Row]:
    texts = [str(item) for item in ids]
    return db.execute(sql, (_json(texts),)).fetchall() if texts else []


def _text_row(connection: ProviderConnection) -> Row:
    return _text(connection_row(connection))


def _text(row: Row) -> Row:
    """UUIDs and times as Tortoise binds them, so that its filters find them."""
    return tuple([v if v is None or isinstance(v, str) else _bound(v) for v in row])


def _bound(value: object) -> object:
    match value:
        case UUID():
            return str(value)
        case datetime():
            return value.isoformat(" ")
        case _:
            return value


def _json(texts: Iterable[str]) -> str:
    return orjson.dumps(list(texts)).decode()


def _whole_database(error: Exception) -> bool:
    """A full disk, a lock, a damaged file: nothing that one member brought along."""
    return isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError
