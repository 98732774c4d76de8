"""Late credentials open an attempt of their own."""

from domain.events import (
    FailureReason,
)
from domain.token_revocation import (
    RevocationStatus,
)
from tests.contracts.revocations.revoking import (
    LATE,
    SCHWAB,
    disconnect,
    ended,
    events,
    failed,
    leased_one,
    of_user,
    revocation,
    status,
    taken,
)
from tests.contracts.worlds.world import World


async def test_late_credentials_open_a_second_attempt(world: World) -> None:
    connection = of_user()
    await world.add(connection)
    await world.queue.declare([SCHWAB])
    await disconnect(world, connection)
    first = await leased_one(world)
    await world.revocations.settle(first, ended(first))
    again = revocation(connection)

    assert await world.connections.revoke_late(LATE, again)

    assert (await events(world))[-1] == again
    assert await status(world, connection) is RevocationStatus.PENDING
    second = await taken(world)
    assert second.encrypted_data == b"late"
    assert second.attempt_id == again.attempt_id


async def test_the_status_is_the_latest_attempts(world: World) -> None:
    connection = of_user()
    await world.add(connection)
    await world.queue.declare([SCHWAB])
    await disconnect(world, connection)
    first = await leased_one(world)
    await world.connections.revoke_late(LATE, revocation(connection))

    await world.revocations.settle(first, failed(first, FailureReason.REFUSED))
    assert await status(world, connection) is RevocationStatus.PENDING

    second = await taken(world)
    await world.revocations.settle(second, ended(second))
    assert await status(world, connection) is RevocationStatus.ACCEPTED


async def test_late_credentials_that_can_not_be_revoked_are_not_stored(world: World) -> None:
    connection = of_user()
    await world.add(connection)
    await disconnect(world, connection)

    assert not await world.connections.revoke_late(LATE, revocation(connection))

    assert await status(world, connection) is RevocationStatus.NOT_ATTEMPTED


async def test_credentials_of_a_live_connection_are_not_late(world: World) -> None:
    connection = of_user()
    await world.add(connection)
    await world.queue.declare([SCHWAB])

    assert not await world.connections.revoke_late(LATE, revocation(connection))

    assert await events(world) == []
