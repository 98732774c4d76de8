"""On the databases only: what is tested here is mostly SQL."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contracts.webhooks.outbox import Outbox
from tests.contracts.worlds.postgres_world import SERVER, PostgresWorld
from tests.contracts.worlds.world import SqliteWorld


@pytest.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    world = await (PostgresWorld if SERVER in os.environ else SqliteWorld).open(tmp_path)
    yield Outbox(world)
    await world.aclose()
