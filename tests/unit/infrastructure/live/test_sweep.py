import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest

from domain.events import EventCursor
from domain.identifiers import UserId
from domain.ports import StorageError
from infrastructure.live.event_feed import LiveEventFeed
from infrastructure.live.event_tail import EventTail
from infrastructure.live.log_reader import LogReader
from infrastructure.live.sweep import Sweep
from infrastructure.live.wake_ups import NoWakeUps
from infrastructure.observability.metrics import Metrics
from tests.support.following import Follower
from tests.support.ids import a_user
from tests.support.logs import GrowingLog
from tests.support.woken import eventually

USER = a_user(1)
OTHER = a_user(2)


class SweptLog(GrowingLog):
    """With heads; fails once when told how."""

    fault: Exception | None = None

    async def moved(self, known: Sequence[EventCursor]) -> Mapping[UserId, int]:
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        found = {}
        for end in known:
            log = self.events.get(end.user_id, [])
            if self.cursor(end.user_id, len(log)) != end:
                found[end.user_id] = len(log) if len(log) > end.position else 0
        return found

    async def open_attempts(self) -> int:
        return 3


class Node:
    """A node without wake-ups, swept all the time."""

    def __init__(self) -> None:
        self.log = SweptLog()
        self.metrics = Metrics()
        self.feed = LiveEventFeed(LogReader(self.log), EventTail(), NoWakeUps())
        self.abandoned: list[timedelta] = []
        self.sweep = Sweep(self.feed, self.log, self.close, self.metrics, interval=0.01)

    async def close(self, older_than: timedelta) -> int:
        self.abandoned.append(older_than)
        return 1

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0


async def caught_up(node: Node, user_id: UserId, after: int) -> Follower:
    """A subscriber who has read everything and waits."""
    follower = Follower(node.feed, node.log.cursor(user_id, after))
    await eventually(lambda: user_id in {end.user_id for end in node.feed.ends()})
    return follower


async def test_finds_what_other_nodes_wrote() -> None:
    node = Node()
    node.log.grow(USER, 2)
    node.log.grow(OTHER, 1)
    waiting, quiet = await caught_up(node, USER, 2), await caught_up(node, OTHER, 1)
    node.log.grow(USER)
    async with node.sweep:
        await waiting.reaches(3)
        assert quiet.positions == []
        assert node.metric("unplug_wake_ups_total", way="missed") == 1


async def test_what_this_node_wrote_needs_no_sweep() -> None:
    node = Node()
    node.log.grow(USER)
    waiting = await caught_up(node, USER, 1)
    node.feed.committed(node.log.grow(USER))
    await waiting.reaches(2)
    await node.sweep.sweep()
    assert node.metric("unplug_wake_ups_total", way="missed") == 0


@pytest.mark.parametrize("fault", [StorageError(), RuntimeError()])
async def test_goes_on_after_whatever_went_wrong(fault: Exception) -> None:
    node = Node()
    node.log.grow(USER)
    waiting = await caught_up(node, USER, 1)
    node.log.fault = fault
    node.log.grow(USER)
    async with node.sweep:
        await waiting.reaches(2)


async def test_a_log_that_a_restore_made_shorter_ends_its_streams() -> None:
    node = Node()
    node.log.grow(USER, 3)
    waiting = await caught_up(node, USER, 3)
    del node.log.events[USER]
    async with node.sweep:
        await asyncio.wait_for(waiting.is_lost.wait(), 5)
        assert node.feed.ends() == []


@pytest.mark.parametrize("grown", [2, 5])
async def test_a_log_that_was_replaced_and_has_grown_again_ends_its_streams(grown: int) -> None:
    node = Node()
    node.log.grow(USER, 3)
    waiting = await caught_up(node, USER, 3)
    node.log.replace(USER, 1, grown)
    await node.sweep.sweep()
    await asyncio.wait_for(waiting.is_lost.wait(), 5)
    assert waiting.positions == []


async def test_closes_attempts_that_have_been_open_for_too_long() -> None:
    node = Node()
    await node.sweep.sweep()
    assert node.abandoned == [timedelta(seconds=30)]
    assert node.metric("unplug_open_attempts") == 3
