"""One PostgreSQL database, open: Tortoise reads it, the store writes it."""

from typing import cast

import asyncpg

from infrastructure.driver_errors import reading
from infrastructure.migrate import latest
from infrastructure.postgres_client import PostgresClient
from infrastructure.postgres_connection import PostgresOptions
from infrastructure.postgres_store import PostgresStore
from infrastructure.tortoise_client import tortoise_client


class PostgresDatabase:
    """`Database` on a server that many nodes share."""

    def __init__(self, client: PostgresClient, store: PostgresStore) -> None:
        self.client = client
        self.store = store

    @classmethod
    async def open(cls, options: PostgresOptions) -> "PostgresDatabase":
        """Raises `StorageError` when the server can't be reached."""
        client = await tortoise_client("infrastructure.postgres_client", {"options": options})
        database = cls(cast("PostgresClient", client), PostgresStore(options))
        with reading():
            await client.execute_query("SELECT 1")
        return database

    async def schema_is_current(self) -> bool:
        """See `Database.schema_is_current`."""
        with reading():
            made = await self.client.execute_query_dict(
                "SELECT to_regclass('schema_version') IS NOT NULL AS made"
            )
            if not made[0]["made"]:
                return False
            found = await self.client.execute_query_dict(
                "SELECT max(version) AS version FROM schema_version"
            )
        return (found[0]["version"] or 0) >= latest("postgres")

    def connections_used(self) -> int:
        """Of the pool, now."""
        pool = self._pool()
        return pool.get_size() - pool.get_idle_size() if pool else 0

    def connections_idle(self) -> int:
        """Of the pool, now."""
        pool = self._pool()
        return pool.get_idle_size() if pool else 0

    async def aclose(self) -> None:
        """See `Database.aclose`."""
        await self.client.close()
        await self.store.aclose()

    def _pool(self) -> asyncpg.Pool | None:
        return self.client.pool
