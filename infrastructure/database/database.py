"""One open database, of whichever dialect its URL names. One dialect per process: Tortoise caches
SQL by model, whatever the dialect."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from urllib.parse import urlsplit

from tortoise import BaseDBAsyncClient

from infrastructure.database.postgres.connection import PostgresOptions
from infrastructure.database.postgres.database import PostgresDatabase
from infrastructure.database.sqlite.database import SqliteDatabase, sqlite_path
from infrastructure.database.sqlite.lock import sole_server
from infrastructure.database.sqlite.migrate import migrate_sqlite
from infrastructure.database.sqlite.purge import purge
from infrastructure.database.store import Store


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


@contextmanager
def serving(url: str) -> Iterator[None]:
    """Around all work of a server, outside of its event loop.

    On SQLite it is the only one on its file, brings the schema up to date first, and leaves nothing
    of destroyed credentials behind. Raises `OperatorError`. PostgreSQL needs none of that.
    """
    if urlsplit(url).scheme != "sqlite":
        yield
        return
    path = sqlite_path(url)
    with sole_server(path):
        migrate_sqlite(path)
        try:
            yield
        finally:
            purge(path)


async def open_database(url: str, postgres: PostgresOptions | None = None) -> Database:
    """Neither migrates nor locks. Raises `StorageError` when it can't be reached."""
    match urlsplit(url).scheme:
        case "sqlite":
            return await SqliteDatabase.open(sqlite_path(url))
        case "postgres" | "postgresql":
            return await PostgresDatabase.open(postgres or PostgresOptions(url=url))
        case scheme:
            raise ValueError(f"{scheme} is no database that we know")
