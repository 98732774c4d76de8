"""Every event reaches every follower once, in order, and costs as little as it can."""

import asyncio
import time
from collections.abc import Sequence

from structlog.testing import capture_logs

from domain.events import EventCursor, RecordedEvent
from infrastructure.live.event_feed import TURN
from infrastructure.live.user_feed import MOST_AT_ONCE, UserFeed
from tests.support.following import Subscriber
from tests.support.ids import a_user
from tests.unit.infrastructure.live.feed_node import START, USER, Node, idle

OTHER = a_user(2)


async def test_past_and_present_come_in_one_order(node: Node) -> None:
    node.commit(3)
    follower = node.follow(after=1)
    await follower.reaches(3)
    node.commit()
    node.commit_elsewhere(2)
    node.commit()
    await follower.reaches(7)
    assert follower.positions == [2, 3, 4, 5, 6, 7]
    follower.leave()


async def test_an_event_that_is_committed_during_the_read_is_not_lost(node: Node) -> None:
    node.log.open.clear()
    follower = node.follow()
    await node.log.reading.wait()
    node.commit_elsewhere()
    late = node.follow()  # joins the read that has missed the event
    await idle()
    node.log.open.set()
    await follower.reaches(1)
    await late.reaches(1)
    follower.leave()
    late.leave()


async def test_own_commits_cost_caught_up_followers_no_read(node: Node) -> None:
    followers = [node.follow() for _ in range(10)]
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


async def test_a_commit_of_more_events_than_a_turn_delivers_costs_no_read(node: Node) -> None:
    follower = node.follow()
    await idle()
    node.commit(2 * MOST_AT_ONCE + 1)
    await follower.reaches(2 * MOST_AT_ONCE + 1)
    assert node.log.reads == 1
    follower.leave()


async def test_one_who_comes_to_the_known_end_costs_no_read(node: Node) -> None:
    node.commit(3)
    first = node.follow()
    await first.reaches(3)
    reads = node.log.reads
    second = node.follow(after=3)
    await idle()
    node.commit()
    await second.reaches(4)
    assert second.positions == [4]
    assert node.log.reads == reads
    first.leave()
    second.leave()


async def test_events_of_other_nodes_cost_one_read_for_all(node: Node) -> None:
    followers = [node.follow() for _ in range(10)]
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
    follower = node.follow()
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
    follower = node.follow()
    await follower.reaches(95)
    assert follower.positions == list(range(1, 96))
    follower.leave()


async def test_a_follower_far_behind_hides_no_wake_up_from_the_others() -> None:
    node = Node(page_size=2)
    node.commit(9)
    current = node.follow(after=9)
    await idle()
    node.log.open.clear()
    behind = node.follow()
    node.commit_elsewhere()
    await idle()
    node.log.open.set()
    await current.reaches(10)
    await behind.reaches(10)
    assert behind.positions == list(range(1, 11))
    current.leave()
    behind.leave()


async def test_the_sweep_wakes_those_whose_log_has_grown_unheard(node: Node) -> None:
    follower = node.follow()
    node.commit()
    await follower.reaches(1)
    await idle()
    node.commit_elsewhere(wake=False)
    assert node.feed.ends() == [node.log.cursor(USER, 1)]
    assert not node.feed.has_grown(USER, 1)
    assert node.feed.has_grown(USER, 2)
    await follower.reaches(2)
    await idle()
    assert not node.feed.has_grown(USER, 2)
    follower.leave()


async def test_what_one_finds_in_the_log_reaches_the_others_though_no_wake_up_came(
    node: Node,
) -> None:
    node.commit(3)
    current = node.follow()
    await current.reaches(3)
    node.commit_elsewhere(wake=False)
    later = node.follow(after=1)
    await later.reaches(4)
    await current.reaches(4)
    current.leave()
    later.leave()


async def test_a_log_that_fails_for_a_moment_is_read_again(node: Node) -> None:
    follower = node.follow()
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
    follower = node.follow()
    await asyncio.wait_for(follower.is_lost.wait(), 5)
    assert node.registered == 0


async def test_reads_end_with_the_reader() -> None:
    node = Node()
    node.log.open.clear()
    tasks = asyncio.all_tasks()
    async with node.reader:
        node.follow()
        await node.log.reading.wait()
        assert asyncio.all_tasks() != tasks
    assert asyncio.all_tasks() == tasks


async def test_one_who_leaves_takes_no_read_along(node: Node) -> None:
    node.log.open.clear()
    first, second = node.follow(), node.follow()
    await node.log.reading.wait()
    await idle()
    first.leave()
    node.log.grow(USER)
    node.log.open.set()
    node.wake_ups.arrive(USER)
    await second.reaches(1)
    second.leave()


async def test_who_has_left_leaves_nothing_behind(node: Node) -> None:
    node.commit()
    followers = [node.follow() for _ in range(5)]
    for follower in followers:
        await follower.reaches(1)
    assert node.registered == 1
    for follower in followers[1:]:
        follower.leave()
    assert node.registered == len(node.tail) == 1
    followers[0].leave()
    assert node.registered == len(node.tail) == 0
    assert node.feed.ends() == []


async def test_a_full_subscriber_holds_up_nobody_and_goes_on_where_it_stopped() -> None:
    node = Node(page_size=2)
    full, other = Subscriber(room=1), Subscriber()
    attachment = node.feed.attach(START, full)
    node.feed.attach(START, other)
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
    attachments = [node.feed.attach(START, subscriber) for subscriber in subscribers]
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
    assert node.registered == 0


async def test_a_long_past_comes_in_pieces_between_which_others_run(node: Node) -> None:
    node.commit(1_000)
    sizes: list[int] = []

    class Sized(Subscriber):
        def deliver(self, events: Sequence[RecordedEvent], /) -> bool:
            sizes.append(len(events))
            return super().deliver(events)

    subscriber = Sized(room=10_000)
    node.feed.attach(START, subscriber)
    for _ in range(20):
        await idle()
    assert subscriber.positions == list(range(1, 1_001))
    assert max(sizes) <= MOST_AT_ONCE


async def test_nothing_is_delivered_after_detaching(node: Node) -> None:
    subscriber = Subscriber()
    attachment = node.feed.attach(START, subscriber)
    node.commit()
    attachment.detach()
    attachment.resume()
    await idle()
    assert subscriber.positions == []


async def test_one_who_detaches_before_its_turn_gets_nothing(node: Node) -> None:
    first, second = Subscriber(), Subscriber()
    attachment = node.feed.attach(START, first)
    node.feed.attach(START, second)
    await idle()
    node.commit()
    attachment.detach()
    await idle()
    assert (first.positions, second.positions) == ([], [1])


async def test_a_follower_waits_for_one_turn_however_often_it_is_woken(node: Node) -> None:
    feed = UserFeed(USER, node.tail, node.reader, schedule=lambda _: None, left=lambda _: None)
    feed.add(Subscriber(), START)
    feed.outdated()
    assert not feed.serve()  # no one else waits


async def test_no_burst_of_one_user_holds_up_another(node: Node) -> None:
    node.commit(1_000)
    order: list[str] = []

    class Ordered(Subscriber):
        def __init__(self, name: str) -> None:
            super().__init__(room=10_000)
            self.name = name

        def deliver(self, events: Sequence[RecordedEvent], /) -> bool:
            order.append(self.name)
            return super().deliver(events)

    for _ in range(20):
        node.feed.attach(START, Ordered("many"))
    node.feed.attach(EventCursor.start(OTHER), Ordered("other"))
    await idle()
    order.clear()
    node.commit(16)
    node.commit(1, OTHER)
    for _ in range(100):
        await idle()
    assert order.index("other") <= 1


class SlowSubscriber(Subscriber):
    """Takes longer than a turn for each delivery."""

    def deliver(self, events: Sequence[RecordedEvent], /) -> bool:
        time.sleep(TURN)
        return super().deliver(events)


async def test_the_event_loop_turns_between_deliveries_that_take_long(node: Node) -> None:
    slow = [SlowSubscriber() for _ in range(5)]
    for subscriber in slow:
        node.feed.attach(START, subscriber)
    await idle()
    node.commit()
    turns = 0
    while not all(subscriber.positions for subscriber in slow):
        await asyncio.sleep(0)
        turns += 1
    assert turns >= len(slow)


class FaultySubscriber(Subscriber):
    def deliver(self, events: Sequence[RecordedEvent], /) -> bool:
        raise RuntimeError(events)

    def lost(self) -> None:
        super().lost()
        raise RuntimeError


async def test_one_that_fails_is_lost_and_holds_up_no_other(node: Node) -> None:
    faulty = FaultySubscriber()
    node.feed.attach(START, faulty)
    others = [Subscriber() for _ in range(2)]
    for other in others:
        node.feed.attach(START, other)
    with capture_logs() as logs:
        node.commit(2)
        await idle()
    node.commit()
    await idle()
    assert [other.positions for other in others] == [[1, 2, 3]] * 2
    assert faulty.is_lost.is_set()
    assert [entry["event"] for entry in logs] == ["delivery_failed"] * 2  # both of its methods
