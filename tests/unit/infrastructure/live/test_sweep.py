import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

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
        self.closes = 1
        self.sweep = Sweep(self.feed, self.log, self.close, self.metrics, interval=0.01)

    async def close(self, older_than: timedelta) -> int:
        self.abandoned.append(older_than)
        return self.closes

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


async def test_counts_the_users_whose_wake_ups_were_missed() -> None:
    node = Node()
    users = [a_user() for _ in range(3)]
    for user_id in users:
        node.log.grow(user_id, 2)
        await caught_up(node, user_id, 2)
    for user_id in users[:2]:
        node.log.grow(user_id, 3)
    with capture_logs() as logs:
        await node.sweep.sweep()
    assert node.metric("unplug_wake_ups_total", way="missed") == 2
    assert [entry for entry in logs if entry["event"] == "logs_replaced"] == []


async def test_what_arrived_meanwhile_was_not_missed() -> None:
    node = Node()
    node.log.grow(USER)
    waiting = await caught_up(node, USER, 1)

    async def commits_meanwhile(known: Sequence[EventCursor]) -> Mapping[UserId, int]:
        moved = {USER: 2}
        node.feed.committed(node.log.grow(USER))
        await waiting.reaches(2)
        assert [end.position for end in known] == [1]
        return moved

    node.log.moved = commits_meanwhile  # type: ignore[method-assign]
    await node.sweep.sweep()
    assert node.metric("unplug_wake_ups_total", way="missed") == 0


async def test_says_how_many_users_logs_were_replaced() -> None:
    node = Node()
    users = [a_user() for _ in range(3)]
    followers = []
    for user_id in users:
        node.log.grow(user_id, 2)
        followers.append(await caught_up(node, user_id, 2))
    for user_id in users[:2]:
        node.log.replace(user_id, 0, 1)
    with capture_logs() as logs:
        await node.sweep.sweep()
    assert logs[:1] == [{"event": "logs_replaced", "log_level": "warning", "users": 2}]
    assert node.metric("unplug_wake_ups_total", way="missed") == 0
    assert [follower.is_lost.is_set() for follower in followers] == [True, True, False]


async def test_without_live_users_the_log_is_not_asked() -> None:
    node = Node()
    node.log.fault = RuntimeError()
    await node.sweep.sweep()
    assert node.log.fault is not None


async def test_closes_attempts_that_have_been_open_for_too_long() -> None:
    node = Node()
    with capture_logs() as logs:
        await node.sweep.sweep()
        node.closes = 0
        await node.sweep.sweep()
    assert node.abandoned == [timedelta(seconds=30)] * 2
    assert logs == [{"event": "attempts_interrupted", "log_level": "warning", "count": 1}]
    assert node.metric("unplug_open_attempts") == 3


@pytest.mark.parametrize(
    ("fault", "logged"), [(StorageError(), []), (RuntimeError(), ["sweep_failed"])]
)
async def test_faults_of_its_own_are_logged(fault: Exception, logged: list[str]) -> None:
    node = Node()
    node.closes = 0
    node.log.grow(USER)
    waiting = await caught_up(node, USER, 1)
    node.log.fault = fault
    node.log.grow(USER)
    with capture_logs() as logs:
        async with node.sweep:
            await waiting.reaches(2)
    assert [entry["event"] for entry in logs] == logged


async def test_sweeps_no_more_when_it_has_ended() -> None:
    node = Node()
    async with node.sweep:
        await eventually(lambda: len(node.abandoned) > 1)
    swept = len(node.abandoned)
    await asyncio.sleep(0.05)
    assert len(node.abandoned) == swept
