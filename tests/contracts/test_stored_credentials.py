"""`StoredCredentials`: what a rotation of keys reads and replaces."""

from dataclasses import replace

from domain.provider_connection import ProviderConnection, ProviderCredentials
from infrastructure.database.store import StoredCredential
from tests.contracts.worlds.world import NOW, World, active, attempted, succeeded
from tests.support.ids import a_connection, a_user

USER = a_user(1)


def with_secret(secret: bytes) -> ProviderConnection:
    credentials = ProviderCredentials(encrypted_data=secret, credential_type="oauth2")
    return replace(active(USER), credentials=credentials)


async def test_all_credentials_come_page_by_page(world: World) -> None:
    connections = [with_secret(b"%d" % number) for number in range(5)]
    await world.add(*reversed(connections), active(USER).mark_disconnected(NOW))

    first = await world.credentials.page(None, 3)
    second = await world.credentials.page(first[-1].connection_id, 3)

    assert await world.credentials.count() == 5
    assert [*first, *second] == [
        StoredCredential(connection_id=connection.id, version=1, encrypted_data=b"%d" % number)
        for number, connection in enumerate(connections)
    ]
    assert await world.credentials.page(second[-1].connection_id, 3) == []


async def test_replacing_changes_the_row_for_others(world: World) -> None:
    connection = with_secret(b"old")
    await world.add(connection)
    (stored,) = await world.credentials.page(None, 9)

    assert await world.credentials.replace([replace(stored, encrypted_data=b"new")]) == 1

    credentials = ProviderCredentials(encrypted_data=b"new", credential_type="oauth2")
    found = await world.connections.find_with_credentials(connection.id)
    assert found == replace(connection, credentials=credentials, version=2)


async def test_what_changed_since_it_was_read_is_left_alone(world: World) -> None:
    kept, gone = with_secret(b"kept"), with_secret(b"gone")
    await world.add(kept, gone)
    read = await world.credentials.page(None, 9)
    attempt = attempted(USER, gone.id)
    await world.bus.publish(attempt)
    await world.connections.save(gone.mark_disconnected(NOW), succeeded(attempt))

    late = [replace(item, encrypted_data=b"new") for item in read]
    never = replace(late[0], connection_id=a_connection())
    back_from_the_dead = replace(late[1], version=2)

    assert await world.credentials.replace([*late, never, back_from_the_dead]) == 1
    assert [item.encrypted_data for item in await world.credentials.page(None, 9)] == [b"new"]
    found = await world.connections.find_by_id(gone.id)
    assert found is not None
    assert found.credentials is None
