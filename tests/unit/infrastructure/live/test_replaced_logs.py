"""Histories that a restore or a crash replaced, as the feed finds out."""

import asyncio
from dataclasses import replace

import pytest

from tests.support.following import Follower, Subscriber
from tests.unit.infrastructure.live.feed_node import START, USER, Node, idle


@pytest.mark.parametrize(("kept", "grown"), [(0, 0), (1, 0), (0, 1), (0, 2), (1, 1), (1, 9)])
async def test_a_replaced_history_ends_the_stream_with_the_next_wake_up(
    node: Node, kept: int, grown: int
) -> None:
    node.commit(2)
    follower = node.follow()
    await follower.reaches(2)
    node.log.replace(USER, kept, grown)
    node.wake_ups.arrive(USER)
    await asyncio.wait_for(follower.is_lost.wait(), 5)
    assert follower.positions == [1, 2]
    assert node.registered == 0


@pytest.mark.parametrize(("kept", "grown"), [(0, 1), (0, 2), (1, 1)])
async def test_an_own_commit_at_or_below_the_known_end_ends_the_stream(
    node: Node, kept: int, grown: int
) -> None:
    node.commit(2)
    follower = node.follow()
    await follower.reaches(2)
    node.feed.committed(node.log.replace(USER, kept, grown))
    await asyncio.wait_for(follower.is_lost.wait(), 5)
    assert follower.positions == [1, 2]


async def test_an_own_commit_that_continues_another_history_ends_the_stream(node: Node) -> None:
    node.commit(2)
    follower = node.follow()
    await follower.reaches(2)
    node.log.replace(USER, 1, 1)  # by another node, whose wake-up comes late
    node.commit()
    await asyncio.wait_for(follower.is_lost.wait(), 5)
    assert follower.positions == [1, 2]


async def test_an_own_commit_that_saw_no_event_in_front_of_it_is_read(node: Node) -> None:
    follower = node.follow()
    node.commit()
    await follower.reaches(1)
    (new,) = node.log.grow(USER)
    node.feed.committed([replace(new, previous_id=None)])
    await follower.reaches(2)
    assert node.log.reads == 2
    follower.leave()


async def test_a_new_subscriber_gets_nothing_of_a_history_that_was_replaced(node: Node) -> None:
    node.commit(3)
    old = node.follow()
    await old.reaches(3)
    new = node.log.replace(USER, 1, 2)
    subscribers = [Subscriber() for _ in range(2)]
    node.feed.attach(START, subscribers[0])
    node.feed.attach(node.log.cursor(USER, 1), subscribers[1])
    await idle()
    node.commit()
    await idle()
    log = node.log.events[USER]
    assert new[0] in log
    assert [subscriber.events for subscriber in subscribers] == [log, log[1:]]
    assert old.is_lost.is_set()
    assert old.positions == [1, 2, 3]


async def test_one_who_paused_in_the_shared_past_goes_on_in_the_new_history(node: Node) -> None:
    node.commit()
    paused = Subscriber(room=1)
    attachment = node.feed.attach(START, paused)
    await idle()
    assert paused.positions == [1]
    node.commit(2)
    old = node.follow(after=3)
    await idle()
    node.log.replace(USER, 1, 3)
    node.wake_ups.arrive(USER)
    await asyncio.wait_for(old.is_lost.wait(), 5)
    paused.room = 1_000
    attachment.resume()
    await idle()
    assert paused.events == node.log.events[USER]


async def test_what_one_can_not_go_on_from_makes_all_others_check_their_places(node: Node) -> None:
    node.commit(3)
    old, gone = node.follow(), node.log.cursor(USER, 2)
    await old.reaches(3)
    node.log.replace(USER, 0, 3)
    late = Follower(node.feed, gone)
    for follower in (late, old):
        await asyncio.wait_for(follower.is_lost.wait(), 5)
    assert late.positions == []
    assert node.registered == 0


async def test_a_page_that_both_histories_share_leads_on_to_the_new_one() -> None:
    node = Node(page_size=2)
    node.commit(4)
    old = node.follow()
    await old.reaches(4)
    node.log.replace(USER, 2, 3)
    new = Subscriber()
    node.feed.attach(START, new)
    await idle()
    assert new.events == node.log.events[USER]
    await asyncio.wait_for(old.is_lost.wait(), 5)
