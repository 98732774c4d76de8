"""No commit is missed that was under way when an endpoint was added."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from infrastructure.database.members import Write
from infrastructure.database.postgres.commit import commit
from infrastructure.webhooks.endpoints import EndpointState
from tests.contracts.webhooks.outbox import Outbox
from tests.contracts.worlds.postgres_world import PostgresWorld
from tests.contracts.worlds.world import attempted
from tests.support.ids import a_connection, a_user
from tests.support.network.receiver import receiver

ALICE, BOB = a_user(1), a_user(2)


@pytest.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    world = await PostgresWorld.open(tmp_path)
    yield Outbox(world)
    await world.aclose()


async def test_a_commit_that_was_under_way_arrives_and_in_order(outbox: Outbox) -> None:
    await outbox.publish(BOB)
    other_node = await asyncpg.connect(outbox.world._database.store._options.url)  # type: ignore[union-attr]
    under_way = other_node.transaction()
    await under_way.start()
    write = Write(events=(attempted(ALICE, a_connection()),))
    statement, arguments = commit([write])
    await other_node.fetch(statement, *arguments)
    async with receiver() as there:
        endpoint_id, _ = await outbox.add(there.url)
        async with outbox.node() as node:
            await outbox.publish(BOB)
            await node.look()
            assert (await outbox.endpoint(endpoint_id)).state is EndpointState.STARTING
            assert there.ids == []
            await under_way.commit()
            await outbox.publish(ALICE)
            await node.look()
            assert (await outbox.endpoint(endpoint_id)).state is EndpointState.ACTIVE
            await node.look()
            await outbox.delivered([endpoint_id])
    await other_node.close()
    assert there.positions() == {str(BOB): [2], str(ALICE): [1, 2]}


async def test_a_long_read_holds_no_endpoint_up(outbox: Outbox) -> None:
    """Such as that of pg_dump, which reads for hours in one transaction."""
    reader = await asyncpg.connect(outbox.world._database.store._options.url)  # type: ignore[union-attr]
    async with reader.transaction(isolation="repeatable_read"):
        await reader.fetch("SELECT * FROM provider_events, webhook_endpoints")
        endpoint_id, _ = await outbox.add("https://example.com/")
        async with outbox.node():
            assert (await outbox.endpoint(endpoint_id)).state is EndpointState.ACTIVE
    await reader.close()
