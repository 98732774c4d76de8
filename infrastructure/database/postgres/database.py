"""One PostgreSQL database, open: Tortoise reads it, the store writes it."""

import asyncpg
import structlog
from tortoise import BaseDBAsyncClient

from domain.ports import StorageError
from infrastructure.database.driver_errors import reading
from infrastructure.database.migrate import is_current
from infrastructure.database.postgres.client import PostgresClient
from infrastructure.database.postgres.connection import PostgresOptions
from infrastructure.database.postgres.leases import PostgresRevocationQueue
from infrastructure.database.postgres.store import PostgresStore
from infrastructure.database.tortoise_client import TortoiseClient

_log = structlog.get_logger(__name__)

_TABLE = "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = $1"

_TIMEOUTS = (
    "SELECT name, setting::int FROM pg_settings WHERE name IN"
    " ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout')"
)


class PostgresDatabase:
    """`Database` on a server that many nodes share."""

    def __init__(
        self, tortoise: TortoiseClient, store: PostgresStore, options: PostgresOptions
    ) -> None:
        self._tortoise = tortoise
        self.store = store
        self.revocations = PostgresRevocationQueue(options)

    @property
    def client(self) -> BaseDBAsyncClient:
        return self._tortoise.connection

    @classmethod
    async def open(cls, options: PostgresOptions) -> "PostgresDatabase":
        """Raises `StorageError` when the server can't be reached."""
        tortoise = await TortoiseClient.open(
            "infrastructure.database.postgres.client", {"options": options}
        )
        database = cls(tortoise, PostgresStore(options, tortoise.connection), options)
        try:
            with reading():
                await database.client.execute_query("SELECT 1")
        except StorageError:
            await database.aclose()
            raise
        return database

    async def schema_is_current(self) -> bool:
        return await is_current(self.client, "postgres", _TABLE)

    async def check_timeouts(self) -> None:
        """Logs a warning when a session waits without end, or for a lock as long as for an answer.

        The settings prevent it, except through a proxy that pools transactions: there the timeouts
        are the role's.
        """
        with reading():
            _, rows = await self.client.execute_query(_TIMEOUTS)
        timeouts: dict[str, int] = dict(map(tuple, rows))
        if 0 in timeouts.values() or timeouts["lock_timeout"] >= timeouts["statement_timeout"]:
            _log.warning(
                "unfit_timeouts",
                **{f"{name}_ms": value for name, value in timeouts.items()},
                advice="ALTER ROLE ... SET all three, lock_timeout below statement_timeout",
            )

    def connections_used(self) -> int:
        """Of the pool, now."""
        pool = self._pool()
        return pool.get_size() - pool.get_idle_size() if pool is not None else 0

    def connections_idle(self) -> int:
        """Of the pool, now."""
        pool = self._pool()
        return pool.get_idle_size() if pool is not None else 0

    async def aclose(self) -> None:
        """After the writer is closed."""
        await self._tortoise.aclose()
        await self.revocations.aclose()
        await self.store.aclose()

    def _pool(self) -> asyncpg.Pool | None:
        client = self.client
        return client.pool if isinstance(client, PostgresClient) else None
