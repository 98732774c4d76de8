"""Endpoints change while deliveries run: what their receivers see of it."""

import asyncio

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from domain.ports import UnknownKey
from infrastructure.database.statements import Statement
from infrastructure.webhooks.queue import DeliveryQueue, Progress
from tests.contracts.webhooks.outbox import Outbox
from tests.support.ids import a_user
from tests.support.network.quirk_server import late, reply
from tests.support.network.receiver import receiver, verify

ALICE, BOB = a_user(1), a_user(2)
SECRETS = Statement("SELECT id FROM webhook_secrets")
DELIVERIES = Statement("SELECT user_id FROM webhook_deliveries")


async def test_both_secrets_sign_while_one_is_rotated(outbox: Outbox) -> None:
    async with receiver() as there:
        endpoint_id, old = await outbox.add(there.url)
        async with outbox.node() as node:
            new = await outbox.rotate(endpoint_id, overlap=3600)
            await node.look()
            await outbox.publish(ALICE)
            await there.arrived(1)
            await outbox.pass_time(3601)
            await node.look()
            await outbox.publish(ALICE)
            await there.arrived(2)
            while len(await outbox.store.execute(SECRETS)) > 1:
                await node.look()
    during, after = there.requests
    for secret in (old, new):
        assert verify(during, secret)["data"]["position"] == 1
    assert len(during.headers["webhook-signature"].split()) == 2
    assert verify(after, new)["data"]["position"] == 2
    with pytest.raises(WebhookVerificationError):
        verify(after, old)


async def test_an_endpoint_that_is_removed_is_sent_nothing_more(outbox: Outbox) -> None:
    async with receiver(late(0.05, reply(204))) as slow, receiver() as other:
        gone, _ = await outbox.add(slow.url)
        stays, _ = await outbox.add(other.url)
        async with outbox.node() as node:
            await outbox.publish(ALICE, times=10)
            await slow.arrived(2)
            assert await outbox.managed.remove(gone)
            assert not await outbox.managed.remove(gone)
            await node.look()
            arrived = len(slow.ids)
            await outbox.publish(ALICE)
            await outbox.delivered([stays])
            while len(await outbox.store.execute(DELIVERIES)) > 1:
                await node.look()
            assert len(slow.ids) == arrived < 10
    assert other.positions() == {str(ALICE): [*range(1, 12)]}
    assert len(await outbox.store.execute(SECRETS)) == 1


async def test_after_a_restore_known_positions_come_with_other_ids(outbox: Outbox) -> None:
    async with receiver() as there:
        endpoint_id, _ = await outbox.add(there.url)
        async with outbox.node():
            kept = await outbox.publish(ALICE, times=2)
            await outbox.delivered([endpoint_id])
        await outbox.world.back_up()
        async with outbox.node():
            lost = await outbox.publish(ALICE, times=2)
            await outbox.delivered([endpoint_id])
        await outbox.world.restore()
        async with outbox.node():
            new = await outbox.publish(ALICE, times=3)
            await outbox.delivered([endpoint_id])
    assert [event.position for event in new] == [3, 4, 5]
    assert there.ids == [event.event.id for event in (*kept, *lost, *new)]


async def test_a_turn_that_a_restore_interrupts_skips_nothing(outbox: Outbox) -> None:
    """The backup has the turn's lease, and the new history other events at its positions."""
    queue = DeliveryQueue(outbox.store, 0.5)
    async with receiver() as there:
        endpoint_id, _ = await outbox.add(there.url)
        async with outbox.node():
            pass
        await outbox.publish(ALICE)
        (turn,) = await queue.claim(endpoint_id, 1)
        await outbox.world.back_up()
        (lost,) = await outbox.publish(ALICE)
        await outbox.world.restore()
        new = await outbox.publish(ALICE)
        await queue.settle(turn, Progress(position=2, event_id=lost.event.id))
        async with outbox.node():
            await outbox.delivered([endpoint_id])
    assert there.positions() == {str(ALICE): [1, 2]}
    assert there.ids[-1] == new[0].event.id


async def test_a_node_without_the_key_leaves_deliveries_to_others(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiver() as there:
        endpoint_id, _ = await outbox.add(there.url)
        with monkeypatch.context() as lost:
            lost.setattr(outbox, "decrypt", _unknown)
            async with outbox.node() as node:
                await node.look()
                await outbox.publish(ALICE)
                await node.look()
                assert node.workers == {}
        async with outbox.node() as node:
            await node.look()
            await outbox.delivered([endpoint_id])
    assert len(there.ids) == 1


def _unknown(_: bytes) -> bytes:
    raise UnknownKey


async def test_what_a_node_measures(outbox: Outbox) -> None:
    async with receiver() as there:
        endpoint_id, _ = await outbox.add(there.url)
        async with outbox.node() as node:
            await node.look()
            await asyncio.gather(*(outbox.publish(user) for user in (ALICE, BOB)))
            await outbox.delivered([endpoint_id])
            labels = {"endpoint": str(endpoint_id), "status": "204"}
            sample = outbox.metrics.registry.get_sample_value
            assert sample("unplug_webhook_requests_total", labels) == 2
            behind = {"endpoint": str(endpoint_id)}
            assert sample("unplug_webhook_users_behind", behind) == 0
