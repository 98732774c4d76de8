"""`Heads`: what the sweep asks of the log."""

from dataclasses import replace

from domain.events import EventCursor
from tests.contracts.worlds.world import World, attempted, failed
from tests.support.ids import a_connection, a_user, an_event

USER, OTHER, STRANGER, CONNECTION = a_user(1), a_user(2), a_user(3), a_connection(4)


async def test_only_logs_that_end_elsewhere_are_named(world: World) -> None:
    users = (USER, USER, OTHER)
    first, second, others = [
        (await world.bus.publish(attempted(user_id, CONNECTION))).cursor for user_id in users
    ]
    nothing, strangers = EventCursor.start(OTHER), EventCursor.start(STRANGER)

    assert await world.heads.moved([second, nothing, strangers]) == {OTHER: 1}
    assert await world.heads.moved([first, others]) == {USER: 2}
    assert await world.heads.moved([]) == {}


async def test_logs_that_do_not_go_on_behind_what_was_known_end_at_0(world: World) -> None:
    first, second = [
        (await world.bus.publish(attempted(USER, CONNECTION))).cursor for _ in range(2)
    ]
    for gone in (
        replace(second, position=3, event_id=an_event()),
        replace(second, event_id=an_event()),
        replace(second, event_id=first.event_id),
    ):
        assert await world.heads.moved([gone]) == {USER: 0}
    assert await world.heads.moved([replace(first, user_id=STRANGER)]) == {STRANGER: 0}


async def test_attempts_are_open_until_their_outcome(world: World) -> None:
    attempts = [attempted(USER, CONNECTION) for _ in range(3)]
    for attempt in attempts:
        await world.bus.publish(attempt)
    await world.bus.publish(failed(attempts[1]))

    assert await world.heads.open_attempts() == 2
