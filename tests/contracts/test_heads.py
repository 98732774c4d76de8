"""`Heads`: what the sweep asks of the log."""

from uuid import UUID

from tests.contracts.world import World, attempted, failed

USER, OTHER, STRANGER, CONNECTION = (UUID(int=number) for number in range(1, 5))


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
