"""What the commit of a disconnection makes of credentials, and the one outcome."""

from dataclasses import replace

import pytest

from domain.events import (
    FailureReason,
)
from domain.ports import AttemptClosed, ConcurrentUpdate
from domain.provider_connection import ConnectionStatus
from domain.token_revocation import (
    RevocationEvidence,
    RevocationStatus,
)
from infrastructure.database.revocations import CatalogueProvider
from tests.contracts.revocations.revoking import (
    LATER,
    SCHWAB,
    TURN,
    USER,
    disconnect,
    ended,
    events,
    failed,
    leased_one,
    of_user,
    revocation,
    status,
)
from tests.contracts.worlds.world import World, attempted, succeeded


async def test_credentials_move_to_the_revocation_with_the_disconnection(world: World) -> None:
    connection = of_user()
    await world.add(connection)
    await world.queue.declare([SCHWAB])

    begun = await disconnect(world, connection)

    assert (await events(world))[-1] == begun
    found = await world.connections.find_with_credentials(connection.id)
    assert found is not None
    assert found.credentials is None
    assert found.revocation is not None
    assert found.revocation.status is RevocationStatus.PENDING
    assert found.revocation.since == LATER
    assert found.revocation.manage_url == "https://schwab.example"
    leased = await leased_one(world)
    assert leased.encrypted_data == b"\x00ciphertext\xff"
    assert (leased.attempt_id, leased.connection_id) == (begun.attempt_id, connection.id)
    assert (leased.provider_slug, leased.provider_id) == ("schwab", connection.provider_id)
    assert not leased.overdue
    assert not leased.shared


async def test_without_a_catalogue_nothing_changes(world: World) -> None:
    connection = of_user()
    await world.add(connection)

    begun = await disconnect(world, connection)

    assert begun not in await events(world)
    assert await status(world, connection) is RevocationStatus.NOT_ATTEMPTED
    assert await world.queue.lease([TURN], 5.0) == []


async def test_what_can_not_be_revoked_is_destroyed(world: World) -> None:
    unable, bare = of_user(), of_user(status=ConnectionStatus.PENDING, credentials=None)
    await world.add(unable, replace(bare, provider_slug="other"))
    await world.queue.declare(
        [replace(SCHWAB, revocable=False), CatalogueProvider(slug="other", revocable=True)]
    )

    await disconnect(world, unable)
    await disconnect(world, replace(bare, provider_slug="other"))

    assert await status(world, unable) is RevocationStatus.NOT_SUPPORTED
    assert await status(world, bare) is RevocationStatus.NOTHING_TO_REVOKE
    assert await world.queue.lease([TURN, replace(TURN, slug="other")], 5.0) == []


async def test_a_write_that_is_refused_begins_nothing(world: World) -> None:
    connection = of_user()
    await world.add(connection)
    await world.queue.declare([SCHWAB])
    attempt = attempted(USER, connection.id)
    await world.bus.publish(attempt)
    stale = replace(connection, version=7).mark_disconnected(LATER)

    with pytest.raises(ConcurrentUpdate):
        await world.connections.save(stale, succeeded(attempt), revocation(connection))

    assert await events(world) == [attempt]
    assert await world.queue.lease([TURN], 5.0) == []


async def test_disconnecting_again_begins_nothing(world: World) -> None:
    connection = of_user()
    await world.add(connection)
    await world.queue.declare([SCHWAB])
    begun = await disconnect(world, connection)

    again = await disconnect(world, connection)

    recorded = await events(world)
    assert begun in recorded
    assert again not in recorded


async def test_a_provider_stays_revocable_until_it_is_forgotten(world: World) -> None:
    first, second = of_user(), of_user()
    await world.add(first, second)
    await world.queue.declare([SCHWAB])
    await world.queue.declare([replace(SCHWAB, revocable=False)])  # yesterday's file

    await disconnect(world, first)
    assert await world.queue.forget("schwab")
    assert not await world.queue.forget("schwab")
    await disconnect(world, second)

    assert await status(world, first) is RevocationStatus.PENDING
    assert await status(world, second) is RevocationStatus.NOT_ATTEMPTED


@pytest.mark.parametrize("evidence", RevocationEvidence)
async def test_an_outcome_is_recorded_once(world: World, evidence: RevocationEvidence) -> None:
    connection = of_user()
    await world.add(connection)
    await world.queue.declare([SCHWAB])
    await disconnect(world, connection)
    leased = await leased_one(world)

    recorded = await world.revocations.settle(leased, ended(leased, evidence))
    with pytest.raises(AttemptClosed):
        await world.revocations.settle(leased, failed(leased, FailureReason.REFUSED))

    assert await status(world, connection) == RevocationStatus(evidence.value)
    assert (await events(world))[-1] == recorded.event
    assert await world.queue.lease([TURN], 5.0) == []


@pytest.mark.parametrize("reason", [FailureReason.SHARED_GRANT, FailureReason.GAVE_UP])
async def test_a_failure_is_an_outcome(world: World, reason: FailureReason) -> None:
    connection = of_user()
    await world.add(connection)
    await world.queue.declare([SCHWAB])
    await disconnect(world, connection)
    leased = await leased_one(world)
    outcome = failed(leased, reason)

    await world.revocations.settle(leased, outcome)

    expected = (
        RevocationStatus.SHARED_GRANT
        if reason is FailureReason.SHARED_GRANT
        else RevocationStatus.FAILED
    )
    assert await status(world, connection) is expected
    assert (await events(world))[-1] == outcome
    assert outcome.manage_url == "https://schwab.example"
