"""`EventBus`: positions, and what opens and closes an attempt."""

import asyncio
from dataclasses import replace

import pytest

from domain.events import EventCursor
from domain.ports import AttemptClosed, StorageError
from tests.contracts.worlds.world import World, attempted, failed, succeeded
from tests.support.ids import a_connection, a_user, an_event

USER, OTHER, CONNECTION = a_user(1), a_user(2), a_connection(3)


async def test_positions_count_up_for_each_user_alone(world: World) -> None:
    positions = [
        (await world.bus.publish(attempted(user_id, CONNECTION))).position
        for user_id in (USER, USER, OTHER, USER)
    ]

    assert positions == [1, 2, 1, 3]


async def test_concurrent_events_get_contiguous_positions_in_order(world: World) -> None:
    events = [attempted(USER, CONNECTION) for _ in range(50)]

    recorded = await asyncio.gather(*map(world.bus.publish, events))

    assert [item.position for item in recorded] == list(range(1, 51))
    assert await world.log.read(EventCursor.start(USER), 100) == recorded


async def test_events_know_the_one_in_front_of_them(world: World) -> None:
    first = await world.bus.publish(attempted(USER, CONNECTION))
    others = await world.bus.publish(attempted(OTHER, CONNECTION))
    batch = await asyncio.gather(
        *(world.bus.publish(attempted(USER, CONNECTION)) for _ in range(3))
    )

    assert (first.previous_id, others.previous_id) == (None, None)
    assert [item.previous_id for item in batch] == [item.event.id for item in (first, *batch[:-1])]


async def test_outcome_closes_its_attempt_once(world: World) -> None:
    attempt = attempted(USER, CONNECTION)
    await world.bus.publish(attempt)
    await world.bus.publish(failed(attempt))

    for outcome in (failed(attempt), succeeded(attempt)):
        with pytest.raises(AttemptClosed):
            await world.bus.publish(outcome)

    assert (await world.log.head(USER)).position == 2


async def test_outcomes_at_the_same_time_are_one(world: World) -> None:
    attempt = attempted(USER, CONNECTION)
    first = await world.bus.publish(attempt)

    results = await asyncio.gather(
        *(world.bus.publish(failed(attempt)) for _ in range(5)), return_exceptions=True
    )

    assert [type(result) for result in results[1:]] == [AttemptClosed] * 4
    assert await world.log.read(first.cursor, 10) == [results[0]]


async def test_outcome_that_follows_at_once_finds_its_attempt(world: World) -> None:
    attempt = attempted(USER, CONNECTION)

    first, second = await asyncio.gather(
        world.bus.publish(attempt), world.bus.publish(failed(attempt))
    )

    assert (first.position, second.position) == (1, 2)
    with pytest.raises(AttemptClosed):
        await world.bus.publish(failed(attempt))


async def test_outcome_without_an_attempt_is_refused(world: World) -> None:
    with pytest.raises(AttemptClosed):
        await world.bus.publish(failed(attempted(USER, CONNECTION)))

    assert (await world.log.head(USER)).position == 0


async def test_attempt_begins_once(world: World) -> None:
    attempt = attempted(USER, CONNECTION)
    await world.bus.publish(attempt)

    for again in (attempt, replace(attempt, id=an_event())):
        with pytest.raises(StorageError):
            await world.bus.publish(again)

    assert (await world.log.head(USER)).position == 1
    await world.bus.publish(failed(attempt))


async def test_event_that_is_refused_takes_no_position(world: World) -> None:
    attempt = attempted(USER, CONNECTION)
    first = await world.bus.publish(attempt)

    results = await asyncio.gather(
        world.bus.publish(attempted(USER, CONNECTION)),
        world.bus.publish(attempt),
        world.bus.publish(attempted(USER, CONNECTION)),
        return_exceptions=True,
    )

    assert isinstance(results[1], StorageError)
    log = await world.log.read(first.cursor, 10)
    assert log == [results[0], results[2]]
    assert [item.position for item in log] == [2, 3]
