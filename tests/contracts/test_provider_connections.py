"""`ProviderConnectionRepository`: what it finds and how it saves."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.ports import AttemptClosed, ConcurrentUpdate, NotFound, StorageError
from domain.provider_connection import ConnectionStatus, ProviderConnection, ProviderCredentials
from tests.contracts.worlds.world import NOW, World, active, attempted, failed, succeeded
from tests.support.fakes.connections import as_read
from tests.support.ids import a_connection, a_provider, a_user

LATER = NOW + timedelta(hours=1)
USER, STRANGER = a_user(1), a_user(2)


async def found(world: World, connection: ProviderConnection) -> ProviderConnection:
    stored = await world.connections.find_with_credentials(connection.id)
    assert stored is not None
    return stored


async def test_connection_comes_back_as_it_was(world: World) -> None:
    bare = ProviderConnection(
        id=a_connection(),
        user_id=USER,
        provider_id=a_provider(),
        provider_slug="x",
        status=ConnectionStatus.PENDING,
        created_at=NOW,
        updated_at=NOW,
    )
    full = active(USER)
    await world.add(bare, full)

    assert await found(world, bare) == bare
    assert await found(world, full) == full
    assert await world.connections.find_by_id(bare.id) == bare
    assert await world.connections.find_by_id(full.id) == as_read(full)


async def test_unknown_connection_is_none(world: World) -> None:
    assert await world.connections.find_by_id(a_connection()) is None
    assert await world.connections.find_with_credentials(a_connection()) is None


async def test_only_an_owner_finds_a_connection(world: World) -> None:
    own, strangers, missing = active(USER), active(STRANGER), a_connection()
    await world.add(own, strangers)

    anyone = asyncio.create_task(world.connections.find_by_id(own.id))
    found = await asyncio.gather(
        world.connections.find_owned(own.id, USER),
        world.connections.find_owned(own.id, STRANGER),
        world.connections.find_owned(strangers.id, USER),
        world.connections.find_owned(missing, USER),
    )

    not_owned = NotFound.NOT_OWNED
    assert list(found) == [as_read(own), not_owned, not_owned, NotFound.MISSING]
    assert await anyone == as_read(own)


async def test_connections_of_a_user_are_in_order_of_creation(world: World) -> None:
    first, second, third = (active(USER) for _ in range(3))
    await world.add(third, first, active(STRANGER), second)

    assert await world.connections.find_by_user_id(USER) == [
        as_read(connection) for connection in (first, second, third)
    ]
    assert await world.connections.find_by_user_id(a_user()) == []


async def test_save_changes_the_row_and_records_the_event(world: World) -> None:
    connection = active(USER)
    await world.add(connection)
    attempt = attempted(USER, connection.id)
    first = await world.bus.publish(attempt)
    changed = (await found(world, connection)).mark_disconnected(LATER)
    event = succeeded(attempt)

    recorded = await world.connections.save(changed, event)

    assert (recorded.event, recorded.position) == (event, 2)
    assert await found(world, connection) == replace(changed, version=connection.version + 1)
    assert (await world.log.read(first.cursor, 10)) == [recorded]


async def test_saving_what_was_read_only_records_the_event(world: World) -> None:
    connection = active(USER)
    await world.add(connection)
    attempt = attempted(USER, connection.id)
    await world.bus.publish(attempt)

    recorded = await world.connections.save(as_read(connection), succeeded(attempt))

    assert recorded.position == 2
    assert await found(world, connection) == connection


async def test_credentials_that_were_not_read_stay_as_they_are(world: World) -> None:
    connection = active(USER)
    await world.add(connection)
    attempt = attempted(USER, connection.id)
    await world.bus.publish(attempt)
    expired = replace(as_read(connection), status=ConnectionStatus.EXPIRED, updated_at=LATER)

    await world.connections.save(expired, succeeded(attempt))

    assert await found(world, connection) == replace(
        expired, credentials=connection.credentials, version=2
    )


async def test_credentials_are_replaced(world: World) -> None:
    connection = active(USER)
    await world.add(connection)
    attempt = attempted(USER, connection.id)
    await world.bus.publish(attempt)
    credentials = ProviderCredentials(encrypted_data=b"new", credential_type="api_key")
    renewed = replace(as_read(connection), credentials=credentials)

    await world.connections.save(renewed, succeeded(attempt))

    assert await found(world, connection) == replace(renewed, version=2)


async def test_save_of_an_outdated_connection_writes_nothing(world: World) -> None:
    connection = active(USER)
    await world.add(connection)
    first, second = attempted(USER, connection.id), attempted(USER, connection.id)
    await world.bus.publish(first)
    await world.bus.publish(second)
    await world.connections.save(connection.mark_disconnected(NOW), succeeded(first))
    before = await found(world, connection)

    with pytest.raises(ConcurrentUpdate):
        await world.connections.save(connection.mark_disconnected(LATER), succeeded(second))

    assert await found(world, connection) == before
    assert (await world.log.head(USER)).position == 3
    # The attempt is still open, and its next try may succeed.
    recorded = await world.connections.save(before.mark_disconnected(LATER), succeeded(second))
    assert recorded.position == 4


@pytest.mark.parametrize("later", [active(USER), active(USER).mark_disconnected(LATER)])
async def test_a_disconnection_is_final_for_what_was_read_before_a_restore(
    world: World, later: ProviderConnection
) -> None:
    """The row has the same version again, and another history."""
    connection = active(USER)
    await world.add(connection)
    first, second = attempted(USER, connection.id), attempted(USER, connection.id)
    await world.bus.publish(first)
    await world.bus.publish(second)
    await world.connections.save(connection.mark_disconnected(NOW), succeeded(first))
    before = await found(world, connection)
    read_before = replace(as_read(later), id=connection.id, version=before.version)

    with pytest.raises(ConcurrentUpdate):
        await world.connections.save(read_before, succeeded(second))

    assert await found(world, connection) == before
    assert (await world.log.head(USER)).position == 3


async def test_save_of_a_connection_that_is_gone_is_a_concurrent_update(world: World) -> None:
    attempt = attempted(USER, a_connection())
    await world.bus.publish(attempt)

    with pytest.raises(ConcurrentUpdate):
        await world.connections.save(active(USER), succeeded(attempt))


async def test_save_for_a_closed_attempt_writes_nothing(world: World) -> None:
    connection = active(USER)
    await world.add(connection)
    attempt = attempted(USER, connection.id)
    await world.bus.publish(attempt)
    await world.bus.publish(failed(attempt))

    with pytest.raises(AttemptClosed):
        await world.connections.save(connection.mark_disconnected(LATER), succeeded(attempt))

    assert await found(world, connection) == connection
    assert (await world.log.head(USER)).position == 2


async def test_save_whose_event_is_refused_leaves_the_row_alone(world: World) -> None:
    connection = active(USER)
    await world.add(connection)
    attempt = attempted(USER, connection.id)
    await world.bus.publish(attempt)
    repeated = replace(succeeded(attempt), id=attempt.id)

    with pytest.raises(StorageError):
        await world.connections.save(connection.mark_disconnected(LATER), repeated)

    assert await found(world, connection) == connection
    await world.connections.save(connection.mark_disconnected(LATER), succeeded(attempt))
