"""The writer's side of PostgreSQL: asyncpg on a connection of its own.

Readers can't exhaust it, and the writer's one task is never cancelled in the middle of a query.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from itertools import zip_longest
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import structlog
from tortoise import BaseDBAsyncClient

from domain.events import RecordedEvent
from domain.identifiers import AttemptId
from domain.ports import StorageError
from domain.provider_connection import ProviderConnection
from infrastructure.database.driver_errors import reading, words
from infrastructure.database.error_sentences import explain_error
from infrastructure.database.members import Member
from infrastructure.database.postgres.client import PostgresClient
from infrastructure.database.postgres.commit import commit, outcomes, waves
from infrastructure.database.postgres.commit_sql import ACCOUNT, arrays
from infrastructure.database.postgres.connection import (
    LOST,
    PostgresOptions,
    connect_to_write,
    is_read_only,
)
from infrastructure.database.postgres.locks import FIND, locked_rows, read_back
from infrastructure.database.read_back import ids_to_find, of_members
from infrastructure.database.rows.connections import CONNECTION_COLUMNS, connection_row
from infrastructure.database.rows.events import event_of
from infrastructure.database.statements import Statement
from infrastructure.database.store import (
    Abandoned,
    MemberRefused,
    MembersBlocked,
    Outcome,
    OutcomeUnknown,
    ReadBack,
    StoredCredential,
)

log = structlog.get_logger(__name__)
T = TypeVar("T")

TRIES = 5
ATTEMPT_RECORDED = "provider_events_one_beginning"
"""The index by which an attempt has at most one beginning."""

PLANNED_ONCE = {"plan_cache_mode": "force_generic_plan"}
"""What the arrays hold changes no plan, and to plan a commit costs as much as to run it."""

_RECORD_KEY = "INSERT INTO credentials_keys (fingerprint) VALUES ($1) ON CONFLICT DO NOTHING"
_FORGET_KEY = "DELETE FROM credentials_keys WHERE fingerprint = $1"
_ABANDONED = (
    "SELECT attempt_id FROM open_attempts WHERE attempt_id > $1"
    " AND ($2::interval IS NULL OR opened_at <= clock_timestamp() - $2)"
    " AND ($4::text[] IS NULL OR EXISTS (SELECT 1 FROM provider_events e"
    " WHERE e.attempt_id = open_attempts.attempt_id"
    " AND e.kind IN ('connected', 'attempted', 'revocation_attempted')"
    " AND e.initiator = ANY ($4)))"
    " ORDER BY attempt_id LIMIT $3"
)
_INSERT = (
    f"INSERT INTO provider_connections ({', '.join(CONNECTION_COLUMNS)})"
    f" SELECT * FROM unnest({arrays(CONNECTION_COLUMNS)}) AS c ({', '.join(CONNECTION_COLUMNS)})"
    f" ORDER BY {', '.join(ACCOUNT)}, id ON CONFLICT DO NOTHING"
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


class PostgresStore:
    """`Store` on a server.

    A statement that was under way when its connection broke may still arrive at the server after
    a read-back that found nothing: when the database refuses the next try of its members, they may
    have collided with themselves.
    """

    def __init__(self, options: PostgresOptions, client: BaseDBAsyncClient) -> None:
        self._options = options
        self._client = client
        self._connection: asyncpg.Connection | None = None

    async def commit(self, members: Sequence[Member]) -> Sequence[Outcome]:
        """See `Store.commit`. Members that depend on each other follow each other."""
        results: list[Outcome | None] = [None] * len(members)
        for number, indexes in enumerate(waves(members)):
            wave = [members[index] for index in indexes]
            try:
                found = await self._commit(wave)
            except (StorageError, MemberRefused, MembersBlocked) as error:
                # Nothing of this wave was written, but the waves before it were.
                raise (OutcomeUnknown if number > 0 else type(error)) from None
            for index, one in zip(indexes, found, strict=True):
                results[index] = one
        return [one for one in results if one is not None]

    async def read_back(self, members: Sequence[Member]) -> Sequence[ReadBack]:
        return await self._read(lambda db: read_back(db, members))

    async def locked_rows(self, members: Sequence[Member]) -> Collection[UUID]:
        return await self._read(lambda db: locked_rows(db, members))

    @property
    def lock_timeout(self) -> float:
        return self._options.lock_timeout

    async def execute(self, statement: Statement, *values: object) -> Sequence[Mapping[str, Any]]:
        """See `Store.execute`. On the pool: the writer may be in the middle of a commit."""
        with reading():
            return await self._client.execute_query_dict(statement.sql("postgres"), list(values))

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

    async def abandoned(
        self, wanted: Abandoned, after: AttemptId | None, limit: int
    ) -> Sequence[AttemptId]:
        """See `Store.abandoned`. On the pool: the writer may be in the middle of a commit."""
        listed = None if wanted.initiators is None else list(wanted.initiators)
        values = [after or UUID(int=0), wanted.older_than, limit, listed]
        with reading():
            _, found = await self._client.execute_query(_ABANDONED, values)
        return [AttemptId(attempt_id) for (attempt_id,) in map(tuple, found)]

    async def aclose(self) -> None:
        """After the last commit."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.close(timeout=self._options.connect_timeout)
            except LOST:
                connection.terminate()

    async def _commit(self, wave: Sequence[Member]) -> Sequence[Outcome]:
        connection = await self._connected()
        statement, arguments = commit(wave)
        for _ in range(TRIES):
            try:
                rows = await connection.fetch(statement, *arguments)
            except (asyncpg.SerializationError, asyncpg.DeadlockDetectedError) as error:
                log.warning("commit_retried", error=words(error))
            except asyncpg.UniqueViolationError as error:
                if any(await self._arrived(wave)):
                    raise OutcomeUnknown from None
                if error.constraint_name != ATTEMPT_RECORDED:
                    raise self._classified(error, wave) from None
                # Meanwhile, by another node: the next try sees it, and refuses that member alone.
            except Exception as error:  # noqa: BLE001 (no driver's exception leaves here)
                if is_read_only(error):
                    await self._leave_read_only()
                raise self._classified(error, wave) from None
            else:
                return await self._settled(wave, outcomes(wave, map(tuple, rows)))
        raise StorageError

    def _classified(self, error: Exception, wave: Sequence[Member]) -> Exception:
        log.warning("commit_failed", error=words(error), members=len(wave))
        match error:
            case _ if is_read_only(error):
                return StorageError(explain_error(error))
            case asyncpg.LockNotAvailableError():
                return MembersBlocked()
            case asyncpg.QueryCanceledError():
                return MemberRefused()
            case asyncpg.PostgresError() if not isinstance(error, LOST):
                return MemberRefused()  # the server said so, and lives
            case _:
                self._drop_connection()
                return OutcomeUnknown()

    async def _settled(self, wave: Sequence[Member], found: Sequence[Outcome]) -> Sequence[Outcome]:
        """What was refused because an earlier try has arrived was written by it."""
        refused = any(not isinstance(one, Sequence) for one in found)
        arrived = await self._arrived(wave) if refused else []
        return [first or one for first, one in zip_longest(arrived, found)]

    async def _arrived(self, wave: Sequence[Member]) -> Sequence[Sequence[RecordedEvent] | None]:
        """What earlier tries have written, if there were any. Raises `OutcomeUnknown`."""
        former = [member.former for member in wave if member.former is not None]
        if not former:
            return []
        try:
            rows = await self._read(lambda db: db.fetch(FIND, ids_to_find(former)))
        except StorageError:
            raise OutcomeUnknown from None
        return of_members(wave, map(event_of, rows), [])

    async def _read(self, query: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        connection = await self._connected()
        try:
            return await query(connection)
        except Exception as error:  # noqa: BLE001 (no driver's exception leaves here)
            log.warning("read_failed", error=words(error))
            if is_read_only(error):
                await self._leave_read_only()
            if isinstance(error, LOST) or not isinstance(error, asyncpg.PostgresError):
                self._drop_connection()
            raise StorageError(explain_error(error)) from None

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._drop_connection()
            try:
                self._connection = await connect_to_write(self._options, PLANNED_ONCE)
            except Exception as error:  # noqa: BLE001 (no driver's exception leaves here)
                log.warning("connect_failed", error=words(error))
                raise StorageError(explain_error(error)) from None
            await self._expire_pool()  # it may read from a server that was left behind
        return self._connection

    async def _leave_read_only(self) -> None:
        """The server takes no writes any more, or its name led to a standby for a moment."""
        self._drop_connection()
        await self._expire_pool()

    async def _expire_pool(self) -> None:
        if isinstance(self._client, PostgresClient):
            await self._client.expire()

    def _drop_connection(self) -> None:
        """At once: the server notices, and rolls back what was not committed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
