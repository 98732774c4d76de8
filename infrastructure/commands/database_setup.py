"""Databases as commands find them: made, brought up to date, or refused with a sentence."""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from pathlib import Path

import asyncpg

from domain.ports import StorageError
from infrastructure.adapters import postgres_options
from infrastructure.database.database import Database, open_database
from infrastructure.database.driver_errors import words
from infrastructure.database.postgres.migrate import migrate_postgres
from infrastructure.database.sqlite.database import sqlite_path
from infrastructure.database.sqlite.lock import sole_server
from infrastructure.database.sqlite.migrate import migrate_sqlite
from infrastructure.failures import (
    DatabaseUnavailable,
    OperatorError,
    SchemaOutdated,
    SettingsError,
)
from infrastructure.security.credentials_cipher import CredentialsCipher, keys_beside
from infrastructure.settings import Settings


def file_of(settings: Settings) -> Path | None:
    """The SQLite file; None when the database is a server."""
    url = settings.database_url.get_secret_value()
    return sqlite_path(url) if url.startswith("sqlite:") else None


def sole_use(settings: Settings) -> AbstractContextManager[None]:
    """Of a SQLite file, for a server or a migration. Raises `OperatorError`, naming who has it."""
    path = file_of(settings)
    return nullcontext() if path is None else sole_server(path)


async def migrate(settings: Settings) -> Sequence[str]:
    """Names of the migrations that were applied. Raises `OperatorError`."""
    path = file_of(settings)
    try:
        if path is not None:
            return migrate_sqlite(path)
        url = settings.database_direct_url or settings.database_url
        return await migrate_postgres(url.get_secret_value())
    except (sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise OperatorError(f"The database can't be migrated: {words(error)}.") from None


@asynccontextmanager
async def prepared(settings: Settings, *, migrating: bool = False) -> AsyncIterator[Database]:
    """An open database with a current schema.

    `migrating` makes a SQLite file if there is none, and brings an outdated one up to date. Raises
    `OperatorError`.
    """
    path = file_of(settings)
    if path is not None and not path.is_file():
        if not migrating:
            raise SchemaOutdated(f"There is no database at {path}; `unplug migrate` makes one.")
        await _migrate_alone(settings)
    async with _opened(settings) as database:
        current = await database.schema_is_current()
        if current:
            yield database
    if not current:
        if path is None or not migrating:
            raise SchemaOutdated
        await _migrate_alone(settings)
        async with _opened(settings) as database:
            yield database


async def _migrate_alone(settings: Settings) -> None:
    with sole_use(settings):
        await migrate(settings)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Database]:
    try:
        database = await open_database(
            settings.database_url.get_secret_value(), postgres_options(settings)
        )
    except StorageError:
        raise DatabaseUnavailable from None
    try:
        yield database
    finally:
        await database.aclose()


def cipher(settings: Settings) -> CredentialsCipher:
    """For credentials at rest. Raises `OperatorError` when there are no keys."""
    keys = [key.get_secret_value() for key in settings.credentials_keys]
    path = file_of(settings)
    if keys or path is None:
        if not keys:
            raise SettingsError(
                "UNPLUG_CREDENTIALS_KEYS: needed with PostgreSQL, to encrypt credentials; "
                "make one with `openssl rand -base64 32 | tr +/ -_`."
            )
        return CredentialsCipher(keys)
    return CredentialsCipher(keys_beside(path))
