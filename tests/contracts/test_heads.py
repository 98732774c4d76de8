"""`Heads`: what the sweep asks of the log."""

from tests.contracts.world import World, attempted, failed
from tests.support.ids import a_connection, a_user

USER, OTHER, STRANGER, CONNECTION = a_user(1), a_user(2), a_user(3), a_connection(4)


async def test_only_logs_that_end_elsewhere_are_named(world: World) -> None:
    for user_id in (USER, USER, OTHER):
        await world.bus.publish(attempted(user_id, CONNECTION))

    assert await world.heads.moved({USER: 2, OTHER: 0, STRANGER: 0}) == {OTHER: 1}
    assert await world.heads.moved({USER: 1, OTHER: 1}) == {USER: 2}
    assert await world.heads.moved({USER: 3, STRANGER: 1}) == {USER: 2, STRANGER: 0}
    assert await world.heads.moved({}) == {}


async def test_attempts_are_open_until_their_outcome(world: World) -> None:
    attempts = [attempted(USER, CONNECTION) for _ in range(3)]
    for attempt in attempts:
        await world.bus.publish(attempt)
    await world.bus.publish(failed(attempts[1]))

    assert await world.heads.open_attempts() == 2
