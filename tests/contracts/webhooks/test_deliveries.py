"""What is committed arrives at every endpoint that wants it, signed and in order."""

import asyncio
import json
import random
from collections.abc import Sequence
from itertools import repeat

import pytest

from domain.events import RecordedEvent
from domain.identifiers import UserId
from infrastructure.persistence.event_json import json_line
from infrastructure.webhooks.endpoint_worker import FEW, PAGE, UserLogs
from infrastructure.webhooks.queue import DeliveryQueue, Progress
from tests.contracts.webhooks.outbox import SHORT, Outbox
from tests.contracts.worlds.world import attempted, failed
from tests.support.ids import a_connection, a_user
from tests.support.network.quirk_server import Answer, cut, drip, flood, hang, reply
from tests.support.network.receiver import receiver, verify

ALICE, BOB = a_user(1), a_user(2)


async def test_an_event_arrives_signed_with_its_id_and_all_its_members(outbox: Outbox) -> None:
    async with receiver() as there:
        endpoint_id, secret = await outbox.add(there.url)
        async with outbox.node():
            (event,) = await outbox.publish(ALICE)
            await there.arrived(1)
            await outbox.delivered([endpoint_id])
    (request,) = there.requests
    assert there.ids == [event.event.id]
    body = verify(request, secret)
    assert body["type"] == "provider.disconnection.attempted"
    assert body["data"] == json.loads(json_line(event, event.cursor))
    assert request.headers["content-type"] == "application/json"


async def test_an_endpoint_is_sent_the_types_that_it_wants(outbox: Outbox) -> None:
    async with receiver() as everything, receiver() as failures:
        both = [
            (await outbox.add(everything.url))[0],
            (await outbox.add(failures.url, "provider.disconnection.failed"))[0],
        ]
        async with outbox.node():
            attempt = attempted(ALICE, a_connection())
            await outbox.world.bus.publish(attempt)
            end = failed(attempt)
            await outbox.world.bus.publish(end)
            await outbox.delivered(both)
    assert everything.ids == [attempt.id, end.id]
    assert failures.ids == [end.id]


async def test_users_and_endpoints_are_independent_and_each_is_in_order(outbox: Outbox) -> None:
    users = [a_user() for _ in range(20)]
    async with receiver() as one, receiver() as other, outbox.node() as node:
        ids = [(await outbox.add(each.url))[0] for each in (one, other)]
        await asyncio.gather(*(outbox.publish(user, times=5) for user in users))
        await node.look()
        await outbox.delivered(ids)
    for there in (one, other):
        assert there.positions() == {str(user): [1, 2, 3, 4, 5] for user in users}


async def test_two_nodes_share_the_work(outbox: Outbox) -> None:
    users = [a_user() for _ in range(20)]
    async with receiver() as there:
        endpoint_id, _ = await outbox.add(there.url)
        async with outbox.node(), outbox.node():
            await asyncio.gather(*(outbox.publish(user, times=3) for user in users))
            await outbox.delivered([endpoint_id])
    assert len(there.ids) == len(set(there.ids)) == 60
    assert there.positions() == {str(user): [1, 2, 3] for user in users}


ODD = [
    pytest.param(reply(500), 10.0, id="500"),
    pytest.param(reply(429, headers={"retry-after": "1"}), 10.0, id="429"),
    pytest.param(hang(), SHORT, id="hangs"),
    pytest.param(drip(repeat(b"x"), 0.1), SHORT, id="slow"),
    pytest.param(cut(), 10.0, id="closes"),
    pytest.param(cut(b"HTTP/1.1 204 No Con"), 10.0, id="closes in the middle"),
    pytest.param(
        cut(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx"), 10.0, id="closes in the body"
    ),
]


@pytest.mark.parametrize(("answer", "timeout"), ODD)
async def test_an_event_without_an_answer_is_tried_again_with_its_id(
    outbox: Outbox, answer: Answer, timeout: float
) -> None:
    outbox.timeout = timeout
    async with receiver() as there:
        endpoint_id, secret = await outbox.add(there.url)
        there.answers.append(answer)
        async with outbox.node():
            (first, second) = await outbox.publish(ALICE, times=2)
            await there.arrived(1)
            while not (await outbox.status(endpoint_id)).failures:
                pass
            await outbox.pass_time(7)
            await outbox.delivered([endpoint_id])
    assert there.ids == [first.event.id, first.event.id, second.event.id]
    assert [body["data"]["position"] for body in there.verified(secret)] == [1, 1, 2]


async def test_a_long_answer_is_cut_off_and_counts(outbox: Outbox) -> None:
    async with receiver(flood()) as there:
        endpoint_id, _ = await outbox.add(there.url)
        async with outbox.node():
            events = await outbox.publish(ALICE, times=2)
            await outbox.delivered([endpoint_id])
    assert there.ids == [event.event.id for event in events]


async def test_a_receiver_that_fails_at_random_misses_nothing(outbox: Outbox) -> None:
    chance = random.Random(16)  # noqa: S311 (nothing secret)
    users = [a_user() for _ in range(10)]
    odd = [reply(500), reply(503), cut(), reply(404), reply(302, headers={"location": "/hook"})]
    async with receiver() as there:
        endpoint_id, _ = await outbox.add(there.url)
        there.answers.extend(chance.choice([*odd, *[reply(204)] * 5]) for _ in range(60))
        async with outbox.node():
            await asyncio.gather(*(outbox.publish(user, times=5) for user in users))
            async with asyncio.timeout(30):
                while (await outbox.status(endpoint_id)).behind:
                    await outbox.pass_time(100_000)
                    await asyncio.sleep(0.05)
    assert there.positions() == {str(user): [1, 2, 3, 4, 5] for user in users}
    assert (await outbox.status(endpoint_id)).stopped == []


async def test_a_dead_endpoint_slows_no_other(outbox: Outbox) -> None:
    outbox.timeout = 1.0
    async with receiver(hang()) as dead, receiver() as living:
        dead_id, _ = await outbox.add(dead.url)
        living_id, _ = await outbox.add(living.url)
        async with outbox.node():
            await outbox.publish(ALICE, times=20)
            await outbox.delivered([living_id], within=5)
            assert living.positions() == {str(ALICE): [*range(1, 21)]}
            assert (await outbox.status(dead_id)).behind == 1


async def test_events_of_a_worker_that_was_killed_are_taken_when_its_lease_ends(
    outbox: Outbox,
) -> None:
    async with receiver() as there:
        endpoint_id, _ = await outbox.add(there.url)
        killed = DeliveryQueue(outbox.store, 1.0)
        async with outbox.node() as node:
            await node.look()
        (event,) = await outbox.publish(ALICE)
        (held,) = await killed.claim(endpoint_id, 10)
        assert await killed.claim(endpoint_id, 10) == []
        async with outbox.node():
            await there.arrived(1)
            await outbox.delivered([endpoint_id])
        await killed.settle(held, Progress(position=0))
        assert there.ids == [event.event.id]
        assert (await outbox.status(endpoint_id)).behind == 0


async def test_a_clean_stop_makes_what_was_under_way_due_again(outbox: Outbox) -> None:
    async with receiver(hang()) as there:
        endpoint_id, _ = await outbox.add(there.url)
        async with outbox.node():
            (event,) = await outbox.publish(ALICE)
            await there.arrived(1)
        (left,) = await DeliveryQueue(outbox.store, 1.0).claim(endpoint_id, 10)
    assert (left.user_id, left.position, left.tries) == (ALICE, 0, 0)
    assert there.ids == [event.event.id]


async def test_without_an_endpoint_nothing_is_written(outbox: Outbox) -> None:
    endpoint_id, _ = await outbox.add("https://example.com/hook")
    assert await outbox.managed.remove(endpoint_id)
    await outbox.publish(ALICE)
    assert (await outbox.status(endpoint_id)).behind == 0


class CountedLog:
    """Notes how many events were asked for at once."""

    def __init__(self, log: UserLogs) -> None:
        self._log = log
        self.limits: set[int] = set()

    async def following(
        self, user_id: UserId, position: int, limit: int
    ) -> Sequence[RecordedEvent]:
        self.limits.add(limit)
        return await self._log.following(user_id, position, limit)


@pytest.mark.parametrize(("busy", "limit"), [(False, PAGE), (True, FEW)])
async def test_beside_commands_a_long_log_is_read_in_small_pieces(
    outbox: Outbox, busy: bool, limit: int
) -> None:
    outbox.busy = busy
    outbox.log = log = CountedLog(outbox.log)
    async with receiver() as there:
        endpoint_id, _ = await outbox.add(there.url)
        async with outbox.node():
            sent = await outbox.publish(ALICE, times=2 * FEW + 1)
            await outbox.delivered([endpoint_id])
    assert there.ids == [recorded.event.id for recorded in sent]
    assert log.limits == {limit}
