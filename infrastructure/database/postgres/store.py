"""The writer's side of PostgreSQL: asyncpg on a connection of its own.

Readers can't exhaust it, and the writer's one task is never cancelled in the middle of a query.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

import asyncpg
import structlog
from tortoise import BaseDBAsyncClient

from domain.events import ProviderEvent, RecordedEvent
from domain.identifiers import EventId
from domain.ports import StorageError
from domain.provider_connection import ProviderConnection
from infrastructure.database.driver_errors import reading, words
from infrastructure.database.postgres.commit import COMMIT, arrays, outcome, parameters, waves
from infrastructure.database.postgres.connection import LOST, PostgresOptions
from infrastructure.database.rows import CONNECTION_COLUMNS, EVENT_COLUMNS, connection_row, event_of
from infrastructure.database.store import (
    MemberRefused,
    Outcome,
    OutcomeUnknown,
    StoredCredential,
    Write,
)

log = structlog.get_logger(__name__)
T = TypeVar("T")

TRIES = 5
MOST_DOUBTED = 10_000

_EVENTS = f"SELECT {', '.join(EVENT_COLUMNS)} FROM provider_events"
_FIND = f"{_EVENTS} WHERE id = ANY ($1)"
_RECORD_KEY = "INSERT INTO credentials_keys (fingerprint) VALUES ($1) ON CONFLICT DO NOTHING"
_FORGET_KEY = "DELETE FROM credentials_keys WHERE fingerprint = $1"
_ABANDONED = (
    f"{_EVENTS} WHERE kind = 'attempted' AND attempt_id IN (SELECT attempt_id FROM open_attempts"
    " WHERE opened_at <= clock_timestamp() - coalesce($1, interval '-1 day') LIMIT $2)"
)
_INSERT = (
    f"INSERT INTO provider_connections ({', '.join(CONNECTION_COLUMNS)})"
    f" SELECT * FROM unnest({arrays(CONNECTION_COLUMNS)}) ON CONFLICT (id) DO NOTHING"
)
# Rows are locked in the order in which commits lock them; a plain UPDATE might deadlock with one.
_REPLACE = (
    "UPDATE provider_connections AS c SET encrypted_credentials = new.encrypted,"
    " version = c.version + 1 FROM (SELECT id FROM provider_connections WHERE id = ANY ($1)"
    " ORDER BY id FOR UPDATE) AS locked"
    " JOIN unnest($1::uuid[], $2::bigint[], $3::bytea[]) AS new (id, version, encrypted)"
    " USING (id) WHERE c.id = locked.id AND c.version = new.version"
    " AND c.encrypted_credentials IS NOT NULL"
)
# Makes the head of a new user too, so that there is something to wait for. It is rolled back.
_LOCK_HEADS = (
    "INSERT INTO log_heads AS h (user_id, position, event_id)"
    " SELECT user_id, 1, user_id FROM unnest($1::uuid[]) AS user_id ORDER BY user_id"
    " ON CONFLICT (user_id) DO UPDATE SET position = h.position"
)


class PostgresStore:
    """`Store` on a server.

    A statement that was under way when its connection broke may still arrive at the server after
    a read-back that found nothing. Its events are then doubted: when they are refused later, what
    they collided with may be themselves.
    """

    def __init__(self, options: PostgresOptions, client: BaseDBAsyncClient) -> None:
        self._options = options
        self._client = client
        self._connection: asyncpg.Connection | None = None
        self._doubted: dict[EventId, None] = {}

    async def commit(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """See `Store.commit`. Writes that depend on each other follow each other."""
        outcomes: list[Outcome | None] = [None] * len(writes)
        for number, indexes in enumerate(waves(writes)):
            wave = [writes[index] for index in indexes]
            try:
                found = await self._commit(wave)
            except (StorageError, MemberRefused) as error:
                # Nothing of this wave was written, but the waves before it were.
                raise (OutcomeUnknown if number > 0 else type(error)) from None
            for index, one in zip(indexes, found, strict=True):
                outcomes[index] = one
        return [one for one in outcomes if one is not None]

    async def read_back(self, writes: Sequence[Write]) -> Mapping[EventId, RecordedEvent]:
        """See `Store.read_back`. Locking the heads waits for a commit that holds them."""
        users = list({write.event.user_id for write in writes})
        ids = [write.event.id for write in writes]

        async def find(connection: asyncpg.Connection) -> Sequence[asyncpg.Record]:
            transaction = connection.transaction()
            await transaction.start()
            try:
                await connection.execute(_LOCK_HEADS, users)
                # A statement of its own: it has to see what became visible during the wait.
                rows: Sequence[asyncpg.Record] = await connection.fetch(_FIND, ids)
            finally:
                await transaction.rollback()
            return rows

        found = [event_of(row) for row in await self._read(find)]
        for recorded in found:
            self._doubted.pop(recorded.event.id, None)
        return {recorded.event.id: recorded for recorded in found}

    async def insert(self, connections: Sequence[ProviderConnection]) -> int:
        """See `Store.insert`. For a process that has no writer on this store."""
        columns = list(zip(*map(connection_row, connections), strict=True))
        status = await self._read(lambda db: db.execute(_INSERT, *columns))
        return int(status.rpartition(" ")[2])

    async def replace_credentials(self, changed: Sequence[StoredCredential]) -> int:
        """See `Store.replace_credentials`. For a process that has no writer on this store."""
        ids = [new.connection_id for new in changed]
        versions = [new.version for new in changed]
        encrypted = [new.encrypted_data for new in changed]
        status = await self._read(lambda db: db.execute(_REPLACE, ids, versions, encrypted))
        return int(status.rpartition(" ")[2])

    async def record_key(self, fingerprint: str) -> None:
        """See `Store.record_key`. For a process that has no writer on this store."""
        await self._read(lambda db: db.execute(_RECORD_KEY, fingerprint))

    async def forget_key(self, fingerprint: str) -> None:
        """See `Store.forget_key`. For a process that has no writer on this store."""
        await self._read(lambda db: db.execute(_FORGET_KEY, fingerprint))

    async def abandoned(self, older_than: timedelta | None, limit: int) -> Sequence[ProviderEvent]:
        """See `Store.abandoned`. On the pool: the writer may be in the middle of a commit."""
        with reading():
            _, found = await self._client.execute_query(_ABANDONED, [older_than, limit])
        return [event_of(row).event for row in found]

    async def aclose(self) -> None:
        """After the last commit."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.close(timeout=self._options.connect_timeout)
            except LOST:
                connection.terminate()

    async def _commit(self, wave: Sequence[Write]) -> Sequence[Outcome]:
        connection = await self._connected()
        arguments = parameters(wave)
        for _ in range(TRIES):
            try:
                rows = await connection.fetch(COMMIT, *arguments)
            except (asyncpg.SerializationError, asyncpg.DeadlockDetectedError) as error:
                log.warning("commit_retried", error=words(error))
            except Exception as error:  # noqa: BLE001 (no driver's exception leaves here)
                raise self._classified(error, wave) from None
            else:
                found = [outcome(write, *row) for write, row in zip(wave, rows, strict=True)]
                return await self._settled(wave, found)
        raise StorageError

    def _classified(self, error: Exception, wave: Sequence[Write]) -> Exception:
        log.warning("commit_failed", error=words(error), writes=len(wave))
        match error:
            case asyncpg.UniqueViolationError(constraint_name="provider_events_pkey") if any(
                write.event.id in self._doubted for write in wave
            ):
                # An earlier try has arrived after all.
                return OutcomeUnknown()
            case asyncpg.QueryCanceledError():
                return StorageError()
            case asyncpg.PostgresError() if not isinstance(error, LOST):
                return MemberRefused()  # the server said so, and lives
            case _:
                self._drop_connection()
                self._doubt(wave)
                return OutcomeUnknown()

    def _doubt(self, wave: Sequence[Write]) -> None:
        self._doubted.update(dict.fromkeys(write.event.id for write in wave))
        while len(self._doubted) > MOST_DOUBTED:
            del self._doubted[next(iter(self._doubted))]

    async def _settled(self, wave: Sequence[Write], found: Sequence[Outcome]) -> Sequence[Outcome]:
        """Refusals of doubted events are looked into; then there is no doubt about them."""
        doubted = [write.event.id for write in wave if write.event.id in self._doubted]
        if not doubted:
            return found
        try:
            rows = await self._read(lambda db: db.fetch(_FIND, doubted))
        except StorageError:
            raise OutcomeUnknown from None
        for event_id in doubted:
            del self._doubted[event_id]
        there = {recorded.event.id: recorded for recorded in map(event_of, rows)}
        return [there.get(write.event.id, one) for write, one in zip(wave, found, strict=True)]

    async def _read(self, query: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        connection = await self._connected()
        try:
            return await query(connection)
        except Exception as error:  # noqa: BLE001 (no driver's exception leaves here)
            log.warning("read_failed", error=words(error))
            if isinstance(error, LOST) or not isinstance(error, asyncpg.PostgresError):
                self._drop_connection()
            raise StorageError from None

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._drop_connection()
            try:
                self._connection = await asyncpg.connect(**self._options.connect_arguments())
            except Exception as error:  # noqa: BLE001 (no driver's exception leaves here)
                log.warning("connect_failed", error=words(error))
                raise StorageError from None
        return self._connection

    def _drop_connection(self) -> None:
        """At once: the server notices, and rolls back what was not committed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
