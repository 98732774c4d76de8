"""Opens the database for a command: created, migrated, or refused with a message."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from pathlib import Path

from domain.ports import StorageError
from infrastructure.adapters import postgres_options
from infrastructure.database.database import Database, open_database
from infrastructure.database.driver_errors import DRIVER_ERRORS
from infrastructure.database.error_sentences import explain_error
from infrastructure.database.postgres.migrate import migrate_postgres
from infrastructure.database.postgres.sole_run import sole_run as postgres_run
from infrastructure.database.sqlite.lock import refuse_other_names, sole_server
from infrastructure.database.sqlite.lock import sole_run as sqlite_run
from infrastructure.database.sqlite.migrate import migrate_sqlite
from infrastructure.failures import (
    DatabaseUnavailable,
    InUse,
    SchemaOutdated,
)
from infrastructure.settings import Settings


def sole_use(settings: Settings) -> AbstractContextManager[None]:
    """Exclusive use of a SQLite file by a server or a migration.

    Raises `InUse`, which names the process that holds it. PostgreSQL needs no exclusive use.
    """
    path = settings.database_file
    return nullcontext() if path is None else sole_server(path)


@asynccontextmanager
async def sole_run(settings: Settings) -> AsyncIterator[None]:
    """Held by a command that must not meet itself; servers may run beside it.

    Raises `OperatorError`; `InUse` when another run holds it.
    """
    async with AsyncExitStack() as stack:
        path = settings.database_file
        try:
            if path is not None:
                alone = stack.enter_context(sqlite_run(path))
            else:
                url = settings.database_direct_url or settings.database_url
                alone = await stack.enter_async_context(postgres_run(url.get_secret_value()))
        except DRIVER_ERRORS as error:
            raise DatabaseUnavailable(explain_error(error)) from None
        if not alone:
            raise InUse("Another run of this command is under way on this database.")
        yield


async def migrate(settings: Settings) -> Sequence[str]:
    """Names of the migrations that were applied. Raises `OperatorError`."""
    path = settings.database_file
    try:
        if path is not None:
            return migrate_sqlite(path)
        url = settings.database_direct_url or settings.database_url
        return await migrate_postgres(url.get_secret_value())
    except DRIVER_ERRORS as error:
        raise DatabaseUnavailable(explain_error(error)) from None


@asynccontextmanager
async def prepared(settings: Settings, *, migrating: bool = False) -> AsyncIterator[Database]:
    """An open database with a current schema.

    With `migrating`, a missing SQLite file is created and an outdated one is brought up to date.
    Raises `OperatorError`.
    """
    path = settings.database_file
    if path is not None:
        await _find(path, settings, migrating=migrating)
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


async def _find(path: Path, settings: Settings, *, migrating: bool) -> None:
    if await asyncio.to_thread(path.is_file):
        refuse_other_names(path)
    elif migrating:
        await _migrate_alone(settings)
    else:
        raise SchemaOutdated(f"There is no database at {path}; `unplug migrate` makes one.")


async def _migrate_alone(settings: Settings) -> None:
    with sole_use(settings):
        await migrate(settings)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Database]:
    url, options = settings.database_url.get_secret_value(), postgres_options(settings)
    async with AsyncExitStack() as stack:
        try:
            database = await stack.enter_async_context(open_database(url, options))
        except StorageError as error:
            raise DatabaseUnavailable(str(error)) from None
        yield database
