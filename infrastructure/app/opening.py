"""A server's database, checked when it is opened."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infrastructure import adapters
from infrastructure.database.database import Database, open_database
from infrastructure.failures import SchemaOutdated
from infrastructure.persistence.credentials_keys import CredentialsKeys
from infrastructure.providers.catalogue import Catalogue
from infrastructure.providers.worker import turns
from infrastructure.security.credentials_cipher import CredentialsCipher
from infrastructure.settings import Settings


@asynccontextmanager
async def current_database(settings: Settings) -> AsyncIterator[Database]:
    """An open database whose schema is not older than the code, and whose keys are given.

    Raises `StorageError` and `OperatorError`.
    """
    url = settings.database_url.get_secret_value()
    async with open_database(url, adapters.postgres_options(settings)) as database:
        if not await database.schema_is_current():
            raise SchemaOutdated
        if settings.database_file is not None or settings.credentials_keys:
            await CredentialsKeys(database).check(adapters.given_keys(settings))
        yield database


async def credentials_cipher(settings: Settings, database: Database) -> CredentialsCipher:
    """For what reads and writes credentials. Raises `StorageError` and `OperatorError`."""
    return await CredentialsKeys(database).open(adapters.given_keys(settings))


async def check_database(settings: Settings, catalogue: Catalogue) -> None:
    """Raises what `create_app` would, once for several workers that are about to start."""
    async with current_database(settings) as database:
        if settings.service_address is not None or turns(catalogue):
            await credentials_cipher(settings, database)
