"""`EventLog`: a user's events by position."""

from dataclasses import replace

import pytest

from domain.events import EventCursor, ProviderEvent, RecordedEvent
from domain.ports import LogReplaced, Page, PageRequest
from tests.contracts.worlds.world import PROVIDER, World, attempted, failed, succeeded
from tests.support.ids import a_connection, a_user, an_event

USER, STRANGER = a_user(1), a_user(2)
CONNECTION, ANOTHER = a_connection(3), a_connection(4)


@pytest.fixture
async def log(world: World) -> list[RecordedEvent]:
    """Six events: those at 1 to 4 of one connection, those at 5 and 6 of another."""
    own = attempted(USER, CONNECTION, provider=PROVIDER)
    unknown, another = attempted(USER, CONNECTION), attempted(USER, ANOTHER)
    await world.bus.publish(attempted(STRANGER, CONNECTION))
    events: list[ProviderEvent] = [
        own,
        unknown,
        succeeded(own),
        failed(unknown),
        another,
        failed(another),
    ]
    return [await world.bus.publish(event) for event in events]


async def test_events_come_back_as_they_were_recorded(
    world: World, log: list[RecordedEvent]
) -> None:
    assert await world.log.read(EventCursor.start(USER), 10) == log
    assert [item.position for item in log] == [1, 2, 3, 4, 5, 6]


async def test_read_is_bounded_at_both_ends(world: World, log: list[RecordedEvent]) -> None:
    assert await world.log.read(EventCursor.start(USER), 2) == log[:2]
    assert await world.log.read(log[1].cursor, 3) == log[2:5]
    assert await world.log.read(log[5].cursor, 3) == []
    assert await world.log.read(EventCursor.start(a_user()), 3) == []


async def test_read_goes_on_only_in_the_history_of_its_cursor(
    world: World, log: list[RecordedEvent]
) -> None:
    cursor = log[2].cursor
    for wrong in (
        replace(cursor, position=4),
        replace(cursor, position=7),
        replace(cursor, event_id=an_event()),
        replace(cursor, user_id=STRANGER),
    ):
        with pytest.raises(LogReplaced):
            await world.log.read(wrong, 10)


async def test_head_is_the_last_event(world: World, log: list[RecordedEvent]) -> None:
    assert await world.log.head(USER) == log[-1].cursor
    silent = a_user()
    assert await world.log.head(silent) == EventCursor(user_id=silent, position=0, event_id=None)


async def test_cursor_holds_while_its_event_is_at_its_position(
    world: World, log: list[RecordedEvent]
) -> None:
    cursor = log[2].cursor
    assert await world.log.holds(cursor)
    assert await world.log.holds(EventCursor(user_id=a_user(), position=0, event_id=None))
    for wrong in (
        replace(cursor, position=4),
        replace(cursor, position=7),
        replace(cursor, event_id=an_event()),
        replace(cursor, user_id=STRANGER),
    ):
        assert not await world.log.holds(wrong)


async def test_event_is_found_by_its_own_user_only(world: World, log: list[RecordedEvent]) -> None:
    assert await world.log.find(USER, log[3].event.id) == log[3]
    assert await world.log.find(STRANGER, log[3].event.id) is None
    assert await world.log.find(USER, an_event()) is None


async def test_history_pages_forwards_and_backwards(world: World, log: list[RecordedEvent]) -> None:
    first = await world.log.page(USER, PageRequest(limit=4))
    second = await world.log.page(USER, PageRequest(limit=4, after=4))
    last = await world.log.page(USER, PageRequest(limit=4, backwards=True))
    previous = await world.log.page(USER, PageRequest(limit=4, before=3, backwards=True))

    assert first == Page(items=log[:4], has_previous=False, has_next=True)
    assert second == Page(items=log[4:], has_previous=True, has_next=False)
    assert last == Page(items=log[2:], has_previous=True, has_next=False)
    assert previous == Page(items=log[:2], has_previous=False, has_next=True)


async def test_history_of_one_connection_has_its_own_ends(
    world: World, log: list[RecordedEvent]
) -> None:
    page = await world.log.page(USER, PageRequest(limit=9, after=4), ANOTHER)
    end = await world.log.page(USER, PageRequest(limit=1, backwards=True), CONNECTION)

    assert page == Page(items=log[4:], has_previous=False, has_next=False)
    assert end == Page(items=log[3:4], has_previous=True, has_next=False)
