"""`AllEvents`: all users' events in the order of their commits."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from domain.events import RecordedEvent
from domain.ports import LogReplaced
from infrastructure.persistence.all_events import AllEventsCursor, CommittedEvent
from tests.contracts.worlds.world import World, attempted, failed
from tests.support.ids import a_connection, a_user, an_event

ALICE, BOB, CONNECTION = a_user(1), a_user(2), a_connection(3)


@pytest.fixture
async def recorded(world: World) -> list[RecordedEvent]:
    """Five events of two users, the later ones with the smaller ids."""
    users = (BOB, ALICE, ALICE, BOB, ALICE)
    return [
        await world.bus.publish(replace(attempted(user_id, CONNECTION), id=an_event(99 - number)))
        for number, user_id in enumerate(users)
    ]


async def read(
    world: World, after: AllEventsCursor | None = None, limit: int = 100
) -> Sequence[CommittedEvent]:
    horizon = await world.all_events.horizon()
    assert horizon.begun == horizon.settled
    return await world.all_events.read(after, horizon.settled, limit)


async def test_events_come_in_the_order_of_their_commits(
    world: World, recorded: list[RecordedEvent]
) -> None:
    assert [item.recorded for item in await read(world)] == recorded


async def test_pages_follow_each_other_without_a_gap(
    world: World, recorded: list[RecordedEvent]
) -> None:
    shown: list[CommittedEvent] = []
    while page := await read(world, shown[-1].cursor if shown else None, limit=2):
        shown += page
    assert [item.recorded for item in shown] == recorded
    assert await read(world, shown[-1].cursor) == []


async def test_events_of_one_commit_are_paged_as_well(world: World) -> None:
    users = [a_user() for _ in range(5)]
    await asyncio.gather(
        *(world.bus.publish(attempted(user_id, CONNECTION)) for user_id in users * 4)
    )
    shown: list[CommittedEvent] = []
    while page := await read(world, shown[-1].cursor if shown else None, limit=3):
        shown += page
    assert len({item.recorded.event.id for item in shown}) == len(shown) == 20
    for user_id in users:
        own = [item.recorded for item in shown if item.recorded.event.user_id == user_id]
        assert [item.position for item in own] == [1, 2, 3, 4]


async def test_nothing_of_an_empty_log(world: World) -> None:
    assert await read(world) == []


async def test_what_is_beyond_the_horizon_waits(
    world: World, recorded: list[RecordedEvent]
) -> None:
    horizon = await world.all_events.horizon()
    await world.bus.publish(attempted(ALICE, CONNECTION))
    shown = await world.all_events.read(None, horizon.settled, 100)
    assert [item.recorded for item in shown] == recorded


async def test_a_cursor_goes_on_only_in_its_own_history(
    world: World, recorded: list[RecordedEvent]
) -> None:
    cursor = (await read(world))[2].cursor
    stranger = replace(cursor.event, event_id=an_event())
    for wrong in (
        replace(cursor, commit_order=cursor.commit_order + 1_000),
        replace(cursor, event=stranger),
        replace(cursor, event=recorded[0].cursor),
    ):
        with pytest.raises(LogReplaced):
            await read(world, wrong)


async def test_a_cursor_survives_a_restore_that_has_its_event(world: World) -> None:
    attempt = attempted(ALICE, CONNECTION)
    await world.bus.publish(attempt)
    kept = (await read(world))[-1].cursor
    await world.back_up()
    await world.bus.publish(failed(attempt))
    lost = (await read(world))[-1].cursor
    await world.restore()
    later = [await world.bus.publish(attempted(user_id, CONNECTION)) for user_id in (BOB, ALICE)]
    assert [item.recorded for item in await read(world, kept)] == later
    with pytest.raises(LogReplaced):
        await read(world, lost)


async def test_cursors_are_opaque_text_that_has_one_form(
    world: World, recorded: list[RecordedEvent]
) -> None:
    for item in await read(world):
        text = item.cursor.encode()
        assert AllEventsCursor.decode(text) == item.cursor
        for wrong in (
            text[:-1],
            text + "A",
            text[1:],
            "A" + text[1:],
            item.recorded.cursor.encode(),
        ):
            assert AllEventsCursor.decode(wrong) is None
    assert AllEventsCursor.decode("") is None
    assert len(recorded) == 5
