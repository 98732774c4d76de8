"""A new endpoint begins with what comes, or with all that there is."""

import asyncio

import pytest

from infrastructure.webhooks import starting
from infrastructure.webhooks.endpoints import EndpointState
from tests.contracts.webhooks.outbox import Outbox
from tests.support.ids import a_user
from tests.support.network.receiver import receiver

ALICE, BOB = a_user(1), a_user(2)


async def test_it_begins_with_what_is_committed_from_now_on(outbox: Outbox) -> None:
    await outbox.publish(ALICE, times=3)
    async with receiver() as there:
        endpoint_id, _ = await outbox.add(there.url)
        await outbox.publish(ALICE)
        await outbox.publish(BOB)
        async with outbox.node() as node:
            await node.look()
            assert (await outbox.endpoint(endpoint_id)).state is EndpointState.ACTIVE
            await outbox.publish(ALICE)
            await outbox.delivered([endpoint_id])
    assert there.positions() == {str(ALICE): [4, 5], str(BOB): [1]}


async def test_from_the_start_it_is_sent_everything_once_and_in_order(outbox: Outbox) -> None:
    users = [a_user() for _ in range(10)]
    for user in users:
        await outbox.publish(user, times=3)
    async with receiver() as there:
        endpoint_id, _ = await outbox.add(there.url, from_start=True)
        async with outbox.node() as node:
            for user in users[::-1]:
                await outbox.publish(user)
            await outbox.publish(ALICE)
            while (await outbox.endpoint(endpoint_id)).history_after is not None:
                await node.look()
            await outbox.delivered([endpoint_id])
    assert there.positions() == {str(user): [1, 2, 3, 4] for user in users} | {str(ALICE): [1]}
    assert len(there.ids) == len(set(there.ids)) == 41


async def test_history_becomes_due_a_few_users_at_a_time(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "USERS_AT_ONCE", 4)
    for _ in range(10):
        await outbox.publish(a_user())
    endpoint_id, _ = await outbox.add("https://example.com/", from_start=True)
    begin = starting.Starting(outbox.store)
    await begin.activate(await outbox.endpoint(endpoint_id))
    for _ in range(3):
        await begin.add_history(await outbox.endpoint(endpoint_id))
        assert (await outbox.status(endpoint_id)).behind == 4
    assert (await outbox.endpoint(endpoint_id)).history_after is not None


async def test_looks_at_once_take_turns(outbox: Outbox) -> None:
    async with outbox.node() as node:
        endpoint_id, _ = await outbox.add("https://example.com/")
        await asyncio.gather(*(node.look() for _ in range(5)))
        assert (await outbox.endpoint(endpoint_id)).state is EndpointState.ACTIVE
        assert list(node.workers) == [endpoint_id]
