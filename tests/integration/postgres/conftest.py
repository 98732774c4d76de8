"""These need a process of their own, on PostgreSQL: `tests/contracts/test_on_postgres.py`."""

import os
from collections.abc import AsyncIterator

import pytest

from infrastructure.database.postgres.connection import PostgresOptions
from infrastructure.database.postgres.migrate import migrate_postgres
from tests.contracts.worlds.postgres_world import (
    SERVER,
    create_database,
    drop_database,
    postgres_options,
)

collect_ignore_glob = [] if SERVER in os.environ else ["*.py"]


@pytest.fixture
async def empty() -> AsyncIterator[PostgresOptions]:
    """A database without tables."""
    name = await create_database()
    yield postgres_options(name)
    await drop_database(name)


@pytest.fixture
async def options(empty: PostgresOptions) -> PostgresOptions:
    """A database that is up to date."""
    await migrate_postgres(empty.url)
    return empty
