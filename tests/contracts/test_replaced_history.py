"""A history that a restore replaces, and that grows again before the next sweep.

Commits that a crash of the database lost look the same: the log ends earlier, and goes on with
other events.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest

from domain.events import EventCursor, RecordedEvent
from infrastructure.live.event_feed import LiveEventFeed
from infrastructure.live.event_tail import EventTail
from infrastructure.live.log_reader import LogReader
from infrastructure.live.sweep import Sweep
from infrastructure.live.wake_ups import NoWakeUps
from infrastructure.observability.metrics import Metrics
from tests.contracts.worlds.world import World, attempted, failed
from tests.support.following import Follower, Subscriber
from tests.support.ids import a_connection, a_user
from tests.support.woken import eventually

USER, CONNECTION = a_user(1), a_connection(2)
START = EventCursor.start(USER)


async def closes_nothing(_older_than: timedelta) -> int:
    return 0


class Node:
    """A node that delivers what it commits, and what a sweep finds."""

    def __init__(self, world: World, reader: LogReader) -> None:
        self.world = world
        self.feed = world.feed = LiveEventFeed(reader, EventTail(), NoWakeUps())
        self.sweep = Sweep(self.feed, world.heads, closes_nothing, Metrics())

    async def command(self) -> None:
        """Two events."""
        attempt = attempted(USER, CONNECTION)
        await self.world.bus.publish(attempt)
        await self.world.bus.publish(failed(attempt))

    async def command_elsewhere(self) -> None:
        """On another node."""
        self.world.feed = None
        await self.command()
        self.world.feed = self.feed

    async def follower(self, after: EventCursor = START, *, reaches: int) -> Follower:
        follower = Follower(self.feed, after)
        await follower.reaches(reaches)
        await eventually(lambda: bool(self.feed.ends()))
        return follower

    async def log(self) -> Sequence[RecordedEvent]:
        return await self.world.log.read(START, 100)


@pytest.fixture
async def node(world: World) -> AsyncIterator[Node]:
    async with LogReader(world.log) as reader:
        yield Node(world, reader)


async def is_lost(follower: Follower) -> None:
    await asyncio.wait_for(follower.is_lost.wait(), 5)


async def test_one_command_after_a_restore_ends_the_streams_of_the_old_history(node: Node) -> None:
    await node.world.back_up()
    await node.command()
    follower = await node.follower(reaches=2)
    await node.world.restore()
    await node.command()
    await is_lost(follower)
    assert follower.positions == [1, 2]


async def test_two_nodes_mix_no_histories(node: Node) -> None:
    await node.world.back_up()
    await node.command()
    follower = await node.follower(reaches=2)
    await node.world.restore()
    await node.command_elsewhere()
    await node.command()
    await is_lost(follower)
    assert follower.positions == [1, 2]


@pytest.mark.parametrize("commands", [0, 1, 2])
async def test_the_sweep_finds_it_however_far_the_new_history_has_grown(
    node: Node, commands: int
) -> None:
    await node.world.back_up()
    await node.command()
    follower = await node.follower(reaches=2)
    await node.world.restore()
    for _ in range(commands):
        await node.command_elsewhere()
    await node.sweep.sweep()
    await is_lost(follower)
    assert follower.positions == [1, 2]


async def test_new_subscribers_get_the_new_history_only(node: Node) -> None:
    await node.command()
    shared = (await node.log())[-1].cursor
    await node.world.back_up()
    await node.command()
    old = await node.follower(reaches=4)
    await node.world.restore()
    await node.command_elsewhere()
    from_start, from_shared = Subscriber(), Subscriber()
    node.feed.attach(START, from_start)
    node.feed.attach(shared, from_shared)
    await is_lost(old)
    await node.command()
    log = await node.log()
    await eventually(lambda: from_start.events == log and from_shared.events == log[2:])
    assert old.positions == [1, 2, 3, 4]
