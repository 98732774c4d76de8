"""On the databases only: what is tested here is mostly SQL."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infrastructure.database.statements import Statement
from tests.contracts.webhooks.outbox import Outbox
from tests.contracts.worlds.postgres_world import SERVER, PostgresWorld
from tests.contracts.worlds.world import SqliteWorld

_WRONG = Statement(
    "SELECT user_id FROM webhook_deliveries WHERE is_due <> (head > position AND NOT stopped)"
)


@pytest.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    world = await (PostgresWorld if SERVER in os.environ else SqliteWorld).open(tmp_path)
    outbox = Outbox(world)
    yield outbox
    wrong = await outbox.store.execute(_WRONG)
    await world.aclose()
    assert wrong == []
