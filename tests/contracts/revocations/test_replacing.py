"""Credentials that a back end replaces: revoked where the provider ends single tokens."""

from dataclasses import replace

import pytest

from domain.events import ProviderConnected, ProviderRef
from domain.ports import AttemptRecorded
from domain.provider_connection import ConnectionStatus, ProviderConnection
from domain.token_revocation import RevocationStatus
from infrastructure.database.revocations import CatalogueProvider
from tests.contracts.revocations.revoking import (
    LATE,
    LATER,
    SCHWAB,
    TURN,
    disconnect,
    ended,
    events,
    leased_one,
    of_user,
    revocation,
    status,
    taken,
)
from tests.contracts.worlds.world import World
from tests.support.ids import an_attempt, an_event

OLD, NEW = b"\x00ciphertext\xff", LATE.encrypted_data


def connected(connection: ProviderConnection) -> ProviderConnected:
    return ProviderConnected(
        id=an_event(),
        occurred_at=LATER,
        user_id=connection.user_id,
        connection_id=connection.id,
        attempt_id=an_attempt(),
        provider=ProviderRef(id=connection.provider_id, slug=connection.provider_slug),
        created=False,
    )


async def begin_again(world: World, connection: ProviderConnection) -> ProviderConnection:
    """With new credentials, in an attempt of its own."""
    found = await world.connections.find_by_id(connection.id)
    assert found is not None
    again = found.reconnect(LATE, LATER)
    await world.connections.save(again, connected(connection), revocation(connection))
    return again


@pytest.mark.parametrize("before", [ConnectionStatus.ACTIVE, ConnectionStatus.EXPIRED])
async def test_what_is_replaced_waits_for_its_revocation(
    world: World, before: ConnectionStatus
) -> None:
    connection = of_user(status=before)
    await world.add(connection)
    await world.queue.declare([SCHWAB])

    await begin_again(world, connection)

    kinds = [type(event).__name__ for event in await events(world)]
    assert kinds == ["ProviderConnected", "ProviderTokenRevocationAttempted"]
    leased = await leased_one(world)
    assert (leased.encrypted_data, leased.current_data) == (OLD, NEW)
    assert not leased.shared
    found = await world.connections.find_with_credentials(connection.id)
    assert found is not None
    assert found.credentials == LATE
    assert found.status is ConnectionStatus.ACTIVE


async def test_the_connection_is_told_nothing_of_it(world: World) -> None:
    connection = of_user()
    await world.add(connection)
    await world.queue.declare([SCHWAB])
    await begin_again(world, connection)
    assert await status(world, connection) is None
    replaced = await leased_one(world)

    await world.revocations.settle(replaced, ended(replaced))

    assert await status(world, connection) is None
    assert await world.queue.lease([TURN], 5.0) == []
    await disconnect(world, connection)
    assert await status(world, connection) is RevocationStatus.PENDING


async def test_an_outcome_that_comes_after_the_disconnection_is_not_the_connections(
    world: World,
) -> None:
    connection = of_user()
    await world.add(connection)
    await world.queue.declare([SCHWAB])
    await begin_again(world, connection)
    replaced = await leased_one(world)
    await disconnect(world, connection)

    await world.revocations.settle(replaced, ended(replaced))

    assert await status(world, connection) is RevocationStatus.PENDING
    last = await taken(world)
    assert (last.encrypted_data, last.current_data) == (NEW, None)
    await world.revocations.settle(last, ended(last))
    assert await status(world, connection) is RevocationStatus.ACCEPTED


@pytest.mark.parametrize(
    "provider",
    [
        replace(SCHWAB, ends_grant=True),
        replace(SCHWAB, revocable=False),
        CatalogueProvider(slug="another", revocable=True),
    ],
    ids=["grant", "none", "unknown"],
)
async def test_other_providers_are_asked_nothing(world: World, provider: CatalogueProvider) -> None:
    connection = of_user()
    await world.add(connection)
    await world.queue.declare([provider])

    await begin_again(world, connection)

    assert [type(event) for event in await events(world)] == [ProviderConnected]
    assert await status(world, connection) is None
    assert await world.queue.lease([TURN], 5.0) == []


async def test_a_connection_without_credentials_loses_none(world: World) -> None:
    connection = of_user(status=ConnectionStatus.PENDING, credentials=None)
    await world.add(connection)
    await world.queue.declare([SCHWAB])

    await begin_again(world, connection)

    assert await world.queue.lease([TURN], 5.0) == []


async def test_a_refresh_is_the_providers_own(world: World) -> None:
    connection = of_user()
    await world.add(connection)
    await world.queue.declare([SCHWAB])

    await world.connections.update(connection.replace_credentials(LATE, LATER))

    assert await world.queue.lease([TURN], 5.0) == []


async def test_a_repeated_connect_replaces_nothing(world: World) -> None:
    connection = of_user()
    await world.add(connection)
    await world.queue.declare([SCHWAB])
    event = connected(connection)
    again = connection.reconnect(LATE, LATER)
    await world.connections.save(again, event, revocation(connection))
    found = await world.connections.find_by_id(connection.id)
    assert found is not None

    repeated = replace(event, id=an_event())
    with pytest.raises(AttemptRecorded):
        await world.connections.save(found.reconnect(LATE, LATER), repeated, revocation(found))

    assert len(await events(world)) == 2
    assert (await leased_one(world)).encrypted_data == OLD


async def test_a_catalogue_that_is_mended_leaves_the_grant_alone(world: World) -> None:
    """It said `token` when the credentials were replaced, and the provider ends whole grants."""
    connection = of_user(provider_account_id="one")
    await world.add(connection)
    await world.queue.declare([SCHWAB])
    await begin_again(world, connection)

    await world.queue.declare([replace(SCHWAB, ends_grant=True)])

    assert (await leased_one(world)).shared


async def test_what_had_no_credentials_replaces_nothing(world: World) -> None:
    connection = of_user(status=ConnectionStatus.PENDING, credentials=None)
    await world.add(connection)
    await world.queue.declare([SCHWAB])

    again = await begin_again(world, connection)

    assert [type(event).__name__ for event in await events(world)] == ["ProviderConnected"]
    assert await world.queue.lease([TURN], 5.0) == []
    found = await world.connections.find_with_credentials(connection.id)
    assert found is not None
    assert found.credentials == again.credentials
