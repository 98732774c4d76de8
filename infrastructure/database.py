"""One open database, of whichever dialect its URL names. One dialect per process: Tortoise caches
SQL by model, whatever the dialect."""

from typing import Protocol
from urllib.parse import urlsplit

from tortoise import BaseDBAsyncClient

from infrastructure.postgres_connection import PostgresOptions
from infrastructure.postgres_database import PostgresDatabase
from infrastructure.sqlite_database import SqliteDatabase, sqlite_path
from infrastructure.store import Store


class Database(Protocol):
    """What reads go through, and what the writer commits to."""

    @property
    def client(self) -> BaseDBAsyncClient:
        """For reads only; holds no transaction in between."""

    @property
    def store(self) -> Store:
        """The writer's side, on a connection of its own."""

    async def schema_is_current(self) -> bool:
        """Whether the schema is as new as the code, or newer. Raises `StorageError`."""

    async def aclose(self) -> None:
        """After the writer is closed."""


async def open_database(url: str, postgres: PostgresOptions | None = None) -> Database:
    """Neither migrates nor locks. Raises `StorageError` when it can't be reached."""
    match urlsplit(url).scheme:
        case "sqlite":
            return await SqliteDatabase.open(sqlite_path(url))
        case "postgres" | "postgresql":
            return await PostgresDatabase.open(postgres or PostgresOptions(url=url))
        case scheme:
            raise ValueError(f"{scheme} is no database that we know")
