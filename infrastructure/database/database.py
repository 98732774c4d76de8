"""One open database. One dialect per process: Tortoise caches SQL by model and not by dialect."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Protocol

from tortoise import BaseDBAsyncClient

from infrastructure.database.location import DatabaseLocation
from infrastructure.database.postgres.connection import PostgresOptions
from infrastructure.database.postgres.database import PostgresDatabase
from infrastructure.database.revocations import RevocationQueue
from infrastructure.database.sqlite.database import SqliteDatabase
from infrastructure.database.sqlite.lock import sole_server
from infrastructure.database.sqlite.migrate import migrate_sqlite
from infrastructure.database.sqlite.purge import purge
from infrastructure.database.store import Store

PURGE_SECONDS = 1.0
"""A stop must not wait longer for a rewrite; `unplug migrate` finishes it."""


class Database(Protocol):
    """What reads go through, and what the writer commits to."""

    @property
    def client(self) -> BaseDBAsyncClient:
        """For reads only; holds no transaction in between."""

    @property
    def store(self) -> Store:
        """The writer's side, on a connection of its own."""

    @property
    def revocations(self) -> RevocationQueue:
        """What workers take, and what commits know of providers."""

    async def schema_is_current(self) -> bool:
        """Whether the schema is as new as the code, or newer. Raises `StorageError`."""


@contextmanager
def serving(url: str) -> Iterator[None]:
    """Held around all work of a server, outside of its event loop.

    On SQLite it makes this process the only server on the file, brings the schema up to date, and
    at the end removes what is left of destroyed credentials. PostgreSQL needs none of that. Raises
    `OperatorError`.
    """
    file = DatabaseLocation.parse(url).file
    if file is None:
        yield
        return
    with sole_server(file):
        migrate_sqlite(file)
        try:
            yield
        finally:
            purge(file, PURGE_SECONDS)


@asynccontextmanager
async def open_database(
    url: str, postgres: PostgresOptions | None = None
) -> AsyncGenerator[Database, None]:
    """Neither migrates nor locks. Raises `StorageError` when the database can't be reached."""
    file = DatabaseLocation.parse(url).file
    database: SqliteDatabase | PostgresDatabase
    if file is not None:
        database = await SqliteDatabase.open(file)
    else:
        database = await PostgresDatabase.open(postgres or PostgresOptions(url=url))
    try:
        yield database
    finally:
        await database.aclose()
