"""The writer's side of a SQLite file: plain `sqlite3` in a thread of its own.

One hop per batch, where Tortoise would need one per statement, and no cancellation reaches it.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar
from uuid import UUID

import orjson
import structlog

from domain.identifiers import AttemptId
from domain.ports import StorageError
from domain.provider_connection import ProviderConnection
from infrastructure.database.driver_errors import words
from infrastructure.database.error_sentences import explain_error
from infrastructure.database.members import Member
from infrastructure.database.sqlite.bulk import (
    FORGET_KEY,
    RECORD_KEY,
    execute,
    insert_connections,
    replace_credentials,
)
from infrastructure.database.sqlite.commit import BEGINNING, commit, prepare, read_back, text_row
from infrastructure.database.sqlite.connection import BUSY_TIMEOUT, connect
from infrastructure.database.statements import Statement
from infrastructure.database.store import (
    Abandoned,
    MemberRefused,
    Outcome,
    OutcomeUnknown,
    ReadBack,
    StoredCredential,
)

log = structlog.get_logger(__name__)
T = TypeVar("T")

LOOK_AGAIN = 0.0003
"""Seconds."""

_ABANDONED = (
    "SELECT attempt_id FROM open_attempts WHERE attempt_id > ?1"
    " AND (?2 IS NULL OR opened_at <= strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', ?2))"
    " AND (?4 IS NULL OR EXISTS (SELECT 1 FROM provider_events e"
    f" WHERE e.attempt_id = open_attempts.attempt_id AND {BEGINNING}"
    " AND e.initiator IN (SELECT value FROM json_each(?4))))"
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
        return await self._run(lambda db: commit(db, members))

    async def execute(self, statement: Statement, *values: object) -> Sequence[Mapping[str, Any]]:
        return await self.run_alone(lambda db: execute(db, statement, values))

    async def insert(self, connections: Sequence[ProviderConnection]) -> int:
        rows = [text_row(connection) for connection in connections]
        return await self.run_alone(lambda db: insert_connections(db, rows))

    async def replace_credentials(self, changed: Sequence[StoredCredential]) -> int:
        return await self.run_alone(lambda db: replace_credentials(db, changed))

    @property
    def lock_timeout(self) -> float:
        """Of no use: a file is locked as a whole."""
        return 0

    async def locked_rows(self, _: Sequence[Member]) -> Collection[UUID]:
        """None: a file is locked as a whole."""
        return ()

    async def read_back(self, members: Sequence[Member]) -> Sequence[ReadBack]:
        return await self.run_alone(lambda db: read_back(db, members))

    async def record_key(self, fingerprint: str) -> None:
        await self.run_alone(lambda db: db.execute(RECORD_KEY, (fingerprint,)))

    async def forget_key(self, fingerprint: str) -> None:
        await self.run_alone(lambda db: db.execute(FORGET_KEY, (fingerprint,)))

    async def abandoned(
        self, wanted: Abandoned, after: AttemptId | None, limit: int
    ) -> Sequence[AttemptId]:
        older_than, initiators = wanted.older_than, wanted.initiators
        since = f"-{older_than.total_seconds()} seconds" if older_than is not None else None
        listed = None if initiators is None else orjson.dumps(initiators).decode()
        values = (str(after or ""), since, limit, listed)
        found = await self.run_alone(lambda db: db.execute(_ABANDONED, values).fetchall())
        return [AttemptId(UUID(attempt_id)) for (attempt_id,) in found]

    async def aclose(self) -> None:
        """After the last commit."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown()

    async def run_alone(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Something that is no batch, between two batches. Raises `StorageError`."""
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
                self._connection = self._connect()
            return self._when_free(self._connection, work)
        except OutcomeUnknown as in_doubt:
            self._roll_back()
            log.warning("commit_in_doubt", error=words(in_doubt.__cause__))
            raise OutcomeUnknown from None
        except Exception as error:  # noqa: BLE001 (any error ends the transaction)
            self._roll_back()
            log.warning("write_failed", error=words(error))
            if _whole_database(error):
                raise StorageError(explain_error(error)) from None
            raise MemberRefused from None

    def _connect(self) -> sqlite3.Connection:
        connection = connect(self._path, busy_timeout=self._busy_timeout)
        try:
            # The journal of a statement has pages as they were before it, credentials among them.
            # Beyond 64 KiB it would be a temporary file.
            connection.execute("PRAGMA temp_store=MEMORY")
            prepare(connection)
            connection.execute("PRAGMA busy_timeout=0")  # from here on `_when_free` waits
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _when_free(self, db: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
        """Does it again while another process writes: it was refused as a whole, at its start.

        SQLite's own wait looks after 1, 2, 5, 10 ms and so on, then ten times a second: too late
        for a user beside another process's short commits, and never at the right moment for that
        process beside a server under load.
        """
        late = monotonic() + self._busy_timeout / 1000
        while True:
            try:
                return work(db)
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or db.in_transaction or monotonic() > late:
                    raise
            sleep(LOOK_AGAIN)

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


def _whole_database(error: Exception) -> bool:
    """A full disk, a lock, a damaged file: nothing that one member brought along."""
    return isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError
