"""No commit is missed that was under way when an endpoint was added."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from asyncpg.transaction import Transaction

from domain.identifiers import UserId
from infrastructure.database.members import Write
from infrastructure.database.postgres.commit import commit
from infrastructure.database.postgres.locks import PATIENCE
from infrastructure.database.statements import Statement
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
    async with committing(outbox, ALICE) as under_way, receiver() as there:
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
    assert there.positions() == {str(BOB): [2], str(ALICE): [1, 2]}


async def test_a_turn_that_ends_beside_a_commit_leaves_its_event_due(outbox: Outbox) -> None:
    """The commit has found the user due already, and is not over when the turn's end is written."""
    async with receiver() as there:
        endpoint_id, _ = await outbox.add(there.url)
        async with outbox.node():
            pass  # which makes the endpoint active
        await outbox.publish(ALICE)
        async with committing(outbox, ALICE) as under_way, outbox.node():
            await there.arrived(1)
            await waits_for_a_lock(outbox)
            await under_way.commit()
            await outbox.settled()
            outbox.wake()
            await outbox.delivered([endpoint_id])
    assert there.positions() == {str(ALICE): [1, 2]}


async def test_a_commit_that_waits_for_a_turn_to_end_marks_its_user(outbox: Outbox) -> None:
    """The user was due when the commit began, and is not when it gets the user's head."""
    async with receiver() as there:
        endpoint_id, _ = await outbox.add(there.url)
        async with outbox.node():
            await outbox.publish(ALICE)
            await outbox.delivered([endpoint_id])
        async with turn_that_ends(outbox):
            publishing = asyncio.create_task(outbox.publish(ALICE))
            await waits_for_a_lock(outbox)
        await publishing
        async with outbox.node():
            await outbox.delivered([endpoint_id])
    assert there.positions() == {str(ALICE): [1, 2]}


async def test_a_commit_that_sees_no_more_than_at_its_start_is_to_be_repeated(
    outbox: Outbox,
) -> None:
    """An operator's default for the database."""
    endpoint_id, _ = await outbox.add("https://example.com/")
    async with outbox.node():
        assert (await outbox.endpoint(endpoint_id)).state is EndpointState.ACTIVE
    await outbox.publish(ALICE)
    node = await asyncpg.connect(url_of(outbox))
    await node.execute("SET default_transaction_isolation = 'repeatable read'")
    statement, arguments = commit([Write(events=(attempted(ALICE, a_connection()),))])
    statement = statement.replace(PATIENCE, "20s")
    async with turn_that_ends(outbox):
        committing = asyncio.create_task(node.fetch(statement, *arguments))
        await waits_for_a_lock(outbox)
    with pytest.raises(asyncpg.SerializationError):
        await committing
    await node.close()


@asynccontextmanager
async def turn_that_ends(outbox: Outbox) -> AsyncIterator[None]:
    """Of the only user and delivery, whose first event has been delivered."""
    node = await asyncpg.connect(url_of(outbox))
    await node.execute("UPDATE webhook_deliveries SET position = 0")
    async with node.transaction():
        await node.execute("SELECT * FROM log_heads FOR SHARE")
        await node.execute("UPDATE webhook_deliveries SET position = 1")
        yield
    await node.close()


def url_of(outbox: Outbox) -> str:
    return str(outbox.world._database.store._options.url)  # type: ignore[union-attr]


@asynccontextmanager
async def committing(outbox: Outbox, user_id: UserId) -> AsyncIterator[Transaction]:
    """Another node's commit, which has done all but end."""
    other_node = await asyncpg.connect(url_of(outbox))
    under_way = other_node.transaction()
    await under_way.start()
    statement, arguments = commit([Write(events=(attempted(user_id, a_connection()),))])
    await other_node.fetch(statement, *arguments)
    yield under_way
    await other_node.close()


async def waits_for_a_lock(outbox: Outbox) -> None:
    statement = Statement(
        "SELECT pid FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(10):
        while not await outbox.store.execute(statement):  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_a_long_read_holds_no_endpoint_up(outbox: Outbox) -> None:
    """Such as that of pg_dump, which reads for hours in one transaction."""
    reader = await asyncpg.connect(url_of(outbox))
    async with reader.transaction(isolation="repeatable_read"):
        await reader.fetch("SELECT * FROM provider_events, webhook_endpoints")
        endpoint_id, _ = await outbox.add("https://example.com/")
        async with outbox.node():
            assert (await outbox.endpoint(endpoint_id)).state is EndpointState.ACTIVE
    await reader.close()
