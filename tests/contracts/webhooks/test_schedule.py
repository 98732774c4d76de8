"""Pauses: of an endpoint, of a user, and what an operator does about them."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from infrastructure.webhooks.answers import JITTER, SCHEDULE, TRIES
from infrastructure.webhooks.endpoints import EndpointState
from tests.contracts.webhooks.outbox import Outbox
from tests.support.ids import a_user
from tests.support.network.quirk_server import reply
from tests.support.network.receiver import Receiver, receiver

ALICE, BOB = a_user(1), a_user(2)


async def test_an_endpoint_that_is_down_for_three_days_misses_nothing(outbox: Outbox) -> None:
    async with receiver(reply(503)) as there:
        endpoint_id, _ = await outbox.add(there.url)
        async with outbox.node():
            events = await outbox.publish(ALICE, times=3)
            for tries in range(1, TRIES):
                await there.arrived(tries)
                pause = await pause_of(outbox, endpoint_id, tries)
                expected = SCHEDULE[tries - 1]
                assert expected - 2 < pause < expected * (1 + JITTER) + 1
                await outbox.pass_time(pause - 1)
                events += await outbox.publish(ALICE)
                assert len(there.ids) == tries
                await outbox.pass_time(2)
            await there.arrived(TRIES)
            await state_becomes(outbox, endpoint_id, EndpointState.FAILING)
            await outbox.pass_time(1_000_000)
            assert there.ids == [events[0].event.id] * TRIES
            there.always(reply(204))
            await outbox.managed.resume(endpoint_id)
            await outbox.delivered([endpoint_id])
    assert there.ids[TRIES:] == [event.event.id for event in events]


async def test_an_endpoint_that_comes_back_is_sent_everything_at_once(outbox: Outbox) -> None:
    users = [a_user() for _ in range(20)]
    async with receiver(reply(500)) as there:
        endpoint_id, _ = await outbox.add(there.url)
        async with outbox.node():
            for user in users:
                await outbox.publish(user)
            await there.arrived(1)
            await pause_of(outbox, endpoint_id, 1)
            await outbox.settled()  # what was under way with the first one
            before = len(there.ids)
            assert before <= 8
            await outbox.pass_time(7)
            await there.arrived(before + 1)  # one probe
            await pause_of(outbox, endpoint_id, 2)
            assert len(there.ids) == before + 1
            there.always(reply(204))
            await outbox.pass_time(400)
            await outbox.delivered([endpoint_id])
    assert len(there.ids) == before + 1 + len(users)
    assert (await outbox.status(endpoint_id)).failures == 0


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_honoured(outbox: Outbox, status: int) -> None:
    async with receiver(reply(status, headers={"retry-after": "3600"})) as there:
        endpoint_id, _ = await outbox.add(there.url)
        async with outbox.node():
            await outbox.publish(ALICE)
            await there.arrived(1)
            assert 3_590 < await pause_of(outbox, endpoint_id, 1) < 4_000


@pytest.mark.parametrize("status", [400, 302, 404])
async def test_an_event_that_is_refused_pauses_its_user_alone(outbox: Outbox, status: int) -> None:
    async with receiver() as there:
        endpoint_id, _ = await outbox.add(there.url)
        there.answers.append(reply(status, headers={"location": there.url}))
        async with outbox.node():
            (refused,) = await outbox.publish(ALICE)
            await there.arrived(1)
            (accepted,) = await outbox.publish(BOB)
            await there.arrived(2)
            (behind,) = await outbox.publish(ALICE)
            await outbox.pass_time(0)
            assert (await outbox.status(endpoint_id)).failures == 0
            assert there.ids == [refused.event.id, accepted.event.id]
            await outbox.pass_time(6)
            await outbox.delivered([endpoint_id])
    assert there.ids[2:] == [refused.event.id, behind.event.id]


async def test_an_event_that_is_refused_ten_times_waits_for_an_operator(outbox: Outbox) -> None:
    async with receiver(reply(400)) as there:
        endpoint_id, _ = await outbox.add(there.url)
        async with outbox.node():
            refused, later, last = await outbox.publish(ALICE, times=3)
            await tried_ten_times(outbox, there)
            await eventually_stopped(outbox, endpoint_id)
            status = await outbox.status(endpoint_id)
            (stopped,) = status.stopped
            assert (stopped.user_id, stopped.event_id) == (ALICE, refused.event.id)
            assert status.described(EndpointState.ACTIVE) == EndpointState.FAILING
            there.always(reply(204))
            (others,) = await outbox.publish(BOB)
            await there.arrived(TRIES + 1)
            assert not await outbox.managed.skip(endpoint_id, later.event.id)
            assert await outbox.managed.skip(endpoint_id, refused.event.id)
            await outbox.managed.resume(endpoint_id)
            await outbox.delivered([endpoint_id])
    assert there.ids == [
        *[refused.event.id] * TRIES,
        *(others.event.id, later.event.id, last.event.id),
    ]


async def test_a_skipped_event_takes_no_later_one_along(outbox: Outbox) -> None:
    async with receiver() as there:
        endpoint_id, _ = await outbox.add(there.url)
        async with outbox.node():
            pass  # which makes the endpoint active
        skipped, *later = await outbox.publish(ALICE, times=3)
        assert await outbox.managed.skip(endpoint_id, skipped.event.id)
        async with outbox.node():
            await outbox.delivered([endpoint_id])
    assert there.ids == [recorded.event.id for recorded in later]


async def test_an_event_that_breaks_its_receiver_does_not_stop_the_others(outbox: Outbox) -> None:
    """It answers 500 to one user's event only."""
    async with receiver() as there:
        endpoint_id, _ = await outbox.add(there.url)
        there.answers.append(reply(500))
        async with outbox.node():
            await outbox.publish(ALICE)
            await there.arrived(1)
            await pause_of(outbox, endpoint_id, 1)
            (other,) = await outbox.publish(BOB)
            await outbox.pass_time(7)
            await outbox.delivered([endpoint_id])
            there.answers.append(reply(500))
    assert other.event.id in there.ids


async def test_410_disables_the_endpoint_until_it_is_resumed(outbox: Outbox) -> None:
    async with receiver(reply(410)) as there:
        endpoint_id, _ = await outbox.add(there.url)
        async with outbox.node() as node:
            (first,) = await outbox.publish(ALICE)
            await state_becomes(outbox, endpoint_id, EndpointState.DISABLED)
            (second,) = await outbox.publish(ALICE)
            await outbox.pass_time(1_000_000)
            await node.look()
            assert there.ids == [first.event.id]
            there.always(reply(204))
            await outbox.managed.resume(endpoint_id)
            await outbox.delivered([endpoint_id])
    assert there.ids == [first.event.id, first.event.id, second.event.id]


async def pause_of(outbox: Outbox, endpoint_id: UUID, failures: int) -> float:
    """Seconds, once so many tries have failed."""
    while (status := await outbox.status(endpoint_id)).failures < failures:
        pass
    assert status.paused_until is not None
    return (status.paused_until - datetime.now(UTC)).total_seconds()


async def state_becomes(outbox: Outbox, endpoint_id: UUID, state: EndpointState) -> None:
    while (await outbox.endpoint(endpoint_id)).state is not state:
        pass


async def tried_ten_times(outbox: Outbox, there: Receiver) -> None:
    for tries in range(1, TRIES + 1):
        await there.arrived(tries)
        while len(there.ids) == tries < TRIES:
            await outbox.pass_time(100_000)


async def eventually_stopped(outbox: Outbox, endpoint_id: UUID) -> None:
    while not (await outbox.status(endpoint_id)).stopped:
        pass
