"""One SQLite file, open: Tortoise reads it, the store writes it."""

import asyncio
from pathlib import Path

from tortoise import BaseDBAsyncClient

from domain.ports import StorageError
from infrastructure.database.driver_errors import reading
from infrastructure.database.migrate import is_current
from infrastructure.database.sqlite.connection import PRAGMAS
from infrastructure.database.sqlite.leases import SqliteRevocationQueue
from infrastructure.database.sqlite.store import SqliteStore
from infrastructure.database.tortoise_client import TortoiseClient

_TABLE = "SELECT 1 FROM sqlite_schema WHERE name = ?"


class SqliteDatabase:
    """`Database` on a file that is migrated already."""

    def __init__(self, tortoise: TortoiseClient, store: SqliteStore) -> None:
        self._tortoise = tortoise
        self.store = store
        self.revocations = SqliteRevocationQueue(store)

    @property
    def client(self) -> BaseDBAsyncClient:
        return self._tortoise.connection

    @classmethod
    async def open(cls, path: Path) -> "SqliteDatabase":
        """Raises `StorageError` when there is no such file, or it can't be read."""
        if not await asyncio.to_thread(path.is_file):
            raise StorageError
        # Tortoise makes every parameter a PRAGMA; writes through it are refused.
        credentials = {"file_path": str(path), **PRAGMAS, "query_only": "ON"}
        tortoise = await TortoiseClient.open("tortoise.backends.sqlite", credentials)
        database = cls(tortoise, SqliteStore(path))
        try:
            with reading():
                await database.client.execute_query("SELECT 1 FROM sqlite_schema")
        except StorageError:
            await database.aclose()
            raise
        return database

    async def schema_is_current(self) -> bool:
        return await is_current(self.client, "sqlite", _TABLE)

    async def aclose(self) -> None:
        """After the writer is closed. Readers first: an open one would keep the WAL."""
        await self._tortoise.aclose()
        await self.store.aclose()
