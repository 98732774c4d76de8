"""Every port's suite runs on the fake and on the database of this process.

Tortoise can do one dialect per process, so PostgreSQL has a pytest process of its own.
"""

import os
from collections.abc import AsyncIterator

import pytest

from tests.contracts.worlds.postgres_world import SERVER, PostgresWorld
from tests.contracts.worlds.world import FakeWorld, SqliteWorld, World

WORLDS = [PostgresWorld] if SERVER in os.environ else [FakeWorld, SqliteWorld]


@pytest.fixture(params=WORLDS, ids=lambda world: world.__name__)
async def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """The ports over one empty database."""
    kind: type[World] = request.param
    opened = await kind.open(tmp_path_factory.mktemp("world"))
    yield opened
    await opened.aclose()
