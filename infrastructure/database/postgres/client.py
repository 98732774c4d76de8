"""Tortoise's client for PostgreSQL, on a pool with a deadline for every wait.

A Tortoise engine: it is found by this module's name.
"""

from typing import Any

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient
from tortoise.backends.base.client import PoolConnectionWrapper

from infrastructure.database.postgres.connection import (
    PostgresOptions,
    connect_to_read,
    unless_full,
)


class PostgresClient(AsyncpgDBClient):
    """Raises `TimeoutError` when the pool has no connection to give within the connect timeout."""

    def __init__(self, options: PostgresOptions, **other: Any) -> None:  # noqa: ANN401 (Tortoise's)
        super().__init__(**other)
        self.options = options

    @property
    def pool(self) -> asyncpg.Pool | None:
        """None until the first query."""
        return self._pool

    async def create_pool(self, **_: object) -> asyncpg.Pool:
        return await asyncpg.create_pool(
            min_size=1,
            max_size=self.options.pool_size,
            connect=connect_to_read,
            **self.options.connect_arguments(),
        )

    async def expire(self) -> None:
        """Replaces each connection before its next use."""
        if self._pool is not None:
            await self._pool.expire_connections()

    def acquire_connection(self) -> "_Acquired":
        return _Acquired(self, self._pool_init_lock)


class _Acquired(PoolConnectionWrapper[Any]):
    async def __aenter__(self) -> Any:  # noqa: ANN401 (asyncpg has no types)
        await self.ensure_connection()
        client = self.client
        if not isinstance(client, PostgresClient) or client.pool is None:
            raise TypeError("a pool is a PostgresClient's")
        pool = client.pool
        self.connection = await unless_full(
            lambda timeout: pool.acquire(timeout=timeout), client.options.connect_timeout
        )
        return self.connection


client_class = PostgresClient
