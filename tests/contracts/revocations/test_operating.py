"""What operators see of pending revocations, and how they hurry them."""

from domain.events import FailureReason
from infrastructure.database.revocations import Progress
from tests.contracts.revocations.revoking import (
    SCHWAB,
    disconnect,
    failed,
    leased_one,
    of_user,
    taken,
)
from tests.contracts.worlds.world import World


async def test_nothing_is_pending_at_first(world: World) -> None:
    await world.add(of_user())
    assert (await world.queue.backlog()).count == 0
    assert (await world.queue.backlog()).oldest == 0
    assert await world.queue.by_provider() == []


async def test_what_is_pending_and_what_failed_is_counted(world: World) -> None:
    first, second = of_user(), of_user()
    await world.add(first, second)
    await world.queue.declare([SCHWAB])
    await disconnect(world, first)
    leased = await leased_one(world)
    await world.revocations.settle(leased, failed(leased, FailureReason.REFUSED))
    await disconnect(world, second)
    await world.queue.postpone(await taken(world), Progress(code="http_503", seconds=60))

    backlog = await world.queue.backlog()
    (schwab,) = await world.queue.by_provider()

    assert backlog.count == 1
    assert 0 <= backlog.oldest < 60
    assert (schwab.slug, schwab.pending, schwab.tries) == ("schwab", 1, 1)
    assert (schwab.code, schwab.failed) == ("http_503", 1)
    assert 0 <= schwab.oldest < 60


async def test_all_that_is_pending_is_due_when_operators_say_so(world: World) -> None:
    connection = of_user()
    await world.add(connection)
    await world.queue.declare([SCHWAB])
    await disconnect(world, connection)
    await world.queue.postpone(await leased_one(world), Progress(code="http_503", seconds=60))

    assert await world.queue.retry() == 1

    assert (await taken(world)).tries == 0
