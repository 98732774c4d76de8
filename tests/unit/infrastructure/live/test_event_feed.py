import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from uuid import UUID

import pytest

from domain.events import RecordedEvent
from infrastructure.live.event_feed import LiveEventFeed
from infrastructure.live.event_tail import EventTail
from infrastructure.live.user_feed import BURST
from infrastructure.live.wake_ups import InProcessWakeUps, Wake
from tests.support.following import Follower, Subscriber
from tests.support.ids import a_user
from tests.unit.infrastructure.observability.logs import GrowingLog

USER = a_user(1)


class CountedWakeUps(InProcessWakeUps):
    def __init__(self) -> None:
        super().__init__()
        self.registered = 0

    def listen(self, user_id: UUID, wake: Wake) -> Callable[[], None]:
        stop = super().listen(user_id, wake)
        self.registered += 1

        def counted_stop() -> None:
            self.registered -= 1
            stop()

        return counted_stop


class Node:
    """One node's feed, on a log that other nodes write to as well."""

    def __init__(self, *, page_size: int = 200, patience: float = 30) -> None:
        self.log = GrowingLog()
        self.wake_ups = CountedWakeUps()
        self.feed = LiveEventFeed(
            self.log, EventTail(), self.wake_ups, page_size=page_size, patience=patience
        )

    def commit(self, by: int = 1) -> None:
        """This node writes."""
        self.feed.committed(self.log.grow(USER, by))
        self.wake_ups.send([USER])

    def commit_elsewhere(self, by: int = 1, *, wake: bool = True) -> None:
        """Another node writes; its wake-up may get lost."""
        self.log.grow(USER, by)
        if wake:
            self.wake_ups.send([USER])


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    node = Node()
    yield node
    await node.feed.aclose()


async def idle() -> None:
    """Lets everything run that can run without the outside."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_past_and_present_come_in_one_order(node: Node) -> None:
    node.commit(3)
    follower = Follower(node.feed, USER, after=1)
    await follower.reaches(3)
    node.commit()
    node.commit_elsewhere(2)
    node.commit()
    await follower.reaches(7)
    assert follower.positions == [2, 3, 4, 5, 6, 7]
    follower.leave()


async def test_an_event_that_is_committed_during_the_read_is_not_lost(node: Node) -> None:
    node.log.open.clear()
    follower = Follower(node.feed, USER)
    await node.log.reading.wait()
    node.commit_elsewhere()
    late = Follower(node.feed, USER)  # joins the read that has missed the event
    await idle()
    node.log.open.set()
    await follower.reaches(1)
    await late.reaches(1)
    follower.leave()
    late.leave()


async def test_own_commits_cost_caught_up_followers_no_read(node: Node) -> None:
    followers = [Follower(node.feed, USER) for _ in range(10)]
    await idle()
    reads = node.log.reads
    for _ in range(5):
        node.commit(2)
        await idle()
    for follower in followers:
        await follower.reaches(10)
    assert node.log.reads == reads == 1
    for follower in followers:
        follower.leave()


async def test_events_of_other_nodes_cost_one_read_for_all(node: Node) -> None:
    followers = [Follower(node.feed, USER) for _ in range(10)]
    await idle()
    reads = node.log.reads
    node.commit_elsewhere(2)
    for follower in followers:
        await follower.reaches(2)
    await idle()
    assert node.log.reads == reads + 1
    for follower in followers:
        follower.leave()


async def test_own_commit_behind_an_unseen_one_of_another_node(node: Node) -> None:
    follower = Follower(node.feed, USER)
    node.commit()
    await follower.reaches(1)
    node.commit_elsewhere(wake=False)
    node.commit()
    await follower.reaches(3)
    assert follower.positions == [1, 2, 3]
    follower.leave()


async def test_a_follower_far_behind_gets_every_page(node: Node) -> None:
    node = Node(page_size=10)
    node.commit(95)
    follower = Follower(node.feed, USER)
    await follower.reaches(95)
    assert follower.positions == list(range(1, 96))
    follower.leave()


async def test_a_follower_far_behind_hides_no_wake_up_from_the_others() -> None:
    node = Node(page_size=2)
    node.commit(9)
    current = Follower(node.feed, USER, after=9)
    await idle()
    node.log.open.clear()
    behind = Follower(node.feed, USER)
    node.commit_elsewhere()
    await idle()
    node.log.open.set()
    await current.reaches(10)
    await behind.reaches(10)
    assert behind.positions == list(range(1, 11))
    current.leave()
    behind.leave()


async def test_the_sweep_wakes_those_whose_log_has_grown_unheard(node: Node) -> None:
    follower = Follower(node.feed, USER)
    node.commit()
    await follower.reaches(1)
    await idle()
    node.commit_elsewhere(wake=False)
    assert node.feed.heads() == {USER: 1}
    assert not node.feed.has_grown(USER, 1)
    assert node.feed.has_grown(USER, 2)
    await follower.reaches(2)
    await idle()
    assert not node.feed.has_grown(USER, 2)
    follower.leave()


async def test_a_log_that_fails_for_a_moment_is_read_again(node: Node) -> None:
    follower = Follower(node.feed, USER)
    await idle()
    node.log.broken = True
    node.commit_elsewhere()
    await idle()
    node.log.broken = False
    await follower.reaches(1)
    follower.leave()


async def test_a_log_that_fails_for_long_ends_the_stream() -> None:
    node = Node(patience=0.01)
    node.log.broken = True
    follower = Follower(node.feed, USER)
    await asyncio.wait_for(follower.is_lost.wait(), 5)
    assert node.wake_ups.registered == 0


async def test_a_log_that_was_replaced_by_a_shorter_one_ends_the_stream(node: Node) -> None:
    follower = Follower(node.feed, USER)
    node.commit()
    await follower.reaches(1)
    node.feed.committed(GrowingLog().grow(USER, 3)[2:])
    node.wake_ups.send([USER])
    await asyncio.wait_for(follower.is_lost.wait(), 5)


async def test_one_who_leaves_takes_no_read_along(node: Node) -> None:
    node.log.open.clear()
    first, second = Follower(node.feed, USER), Follower(node.feed, USER)
    await node.log.reading.wait()
    await idle()
    first.leave()
    node.log.grow(USER)
    node.log.open.set()
    node.wake_ups.send([USER])
    await second.reaches(1)
    second.leave()


async def test_who_has_left_leaves_nothing_behind(node: Node) -> None:
    node.commit()
    followers = [Follower(node.feed, USER) for _ in range(5)]
    for follower in followers:
        await follower.reaches(1)
    assert node.wake_ups.registered == 1
    for follower in followers[1:]:
        follower.leave()
    assert node.wake_ups.registered == 1
    followers[0].leave()
    assert node.wake_ups.registered == 0
    assert node.feed.heads() == {}


async def test_a_full_subscriber_holds_up_nobody_and_goes_on_where_it_stopped() -> None:
    node = Node(page_size=2)
    full, other = Subscriber(room=1), Subscriber()
    attachment = node.feed.attach(USER, 0, full)
    node.feed.attach(USER, 0, other)
    node.commit(9)
    await idle()
    assert full.positions == [1, 2]
    assert other.positions == list(range(1, 10))
    full.room = 1_000
    attachment.resume()
    await idle()
    assert full.positions == list(range(1, 10))


async def test_a_thousand_attachments_cost_one_read_and_no_task(node: Node) -> None:
    tasks = asyncio.all_tasks()
    subscribers = [Subscriber() for _ in range(1_000)]
    attachments = [node.feed.attach(USER, 0, subscriber) for subscriber in subscribers]
    await idle()
    node.commit(3)
    node.commit_elsewhere()
    for _ in range(100):
        await idle()
    assert {tuple(subscriber.positions) for subscriber in subscribers} == {(1, 2, 3, 4)}
    assert node.log.reads == 2
    assert asyncio.all_tasks() == tasks
    for attachment in attachments:
        attachment.detach()
        attachment.detach()
    assert node.wake_ups.registered == 0


async def test_a_long_past_comes_in_pieces_between_which_others_run(node: Node) -> None:
    node.commit(1_000)
    sizes: list[int] = []

    class Sized(Subscriber):
        def deliver(self, events: Sequence[RecordedEvent], /) -> bool:
            sizes.append(len(events))
            return super().deliver(events)

    subscriber = Sized(room=10_000)
    node.feed.attach(USER, 0, subscriber)
    for _ in range(20):
        await idle()
    assert subscriber.positions == list(range(1, 1_001))
    assert max(sizes) <= BURST


async def test_nothing_is_delivered_after_detaching(node: Node) -> None:
    subscriber = Subscriber()
    attachment = node.feed.attach(USER, 0, subscriber)
    node.commit()
    attachment.detach()
    attachment.resume()
    await idle()
    assert subscriber.positions == []


class FaultySubscriber(Subscriber):
    def deliver(self, events: Sequence[RecordedEvent], /) -> bool:
        raise RuntimeError(events)


async def test_one_that_fails_is_lost_and_holds_up_nobody(node: Node) -> None:
    faulty = FaultySubscriber()
    node.feed.attach(USER, 0, faulty)
    others = [Subscriber() for _ in range(2)]
    for other in others:
        node.feed.attach(USER, 0, other)
    node.commit(2)
    await idle()
    node.commit()
    await idle()
    assert [other.positions for other in others] == [[1, 2, 3]] * 2
    assert faulty.is_lost.is_set()
