"""Every credential ends up under the first key, and none comes back from the dead."""

from dataclasses import replace
from uuid import UUID

import pytest

from domain.ports import StorageError, UnknownKey
from domain.provider_connection import ProviderCredentials
from infrastructure.commands.rotate_keys import PAGE, RotateKeys, Rotation
from tests.contracts.worlds.world import NOW, active
from tests.support.fakes.connections import InMemoryStoredCredentials
from tests.support.fakes.world import World
from tests.support.ids import a_connection, a_user


class Credentials(InMemoryStoredCredentials):
    """Connections 1, 2, 3, … with these credentials."""

    def __init__(self, *encrypted: bytes) -> None:
        self.world = World()
        super().__init__(self.world)
        for number, data in enumerate(encrypted, start=1):
            self.put(number, data)

    def put(self, number: int, data: bytes, version: int = 1) -> None:
        credentials = ProviderCredentials(encrypted_data=data, credential_type="oauth2")
        row = replace(active(a_user(1)), id=a_connection(number), version=version)
        self.world.add(replace(row, credentials=credentials))

    @property
    def data(self) -> list[bytes]:
        return [row.encrypted_data for row in self._all()]


def rotate(data: bytes) -> bytes | None:
    if data.startswith(b"lost"):
        raise UnknownKey
    return data.replace(b"old", b"new") if data.startswith(b"old") else None


class Run:
    """A rotation, and what it reported."""

    def __init__(self, credentials: Credentials) -> None:
        self.rotation = Rotation()
        self.looked_at = 0
        self.unreadable: list[UUID] = []
        self.keys = RotateKeys(
            credentials=credentials,
            rotate=rotate,
            rotation=self.rotation,
            on_progress=self._progress,
            on_unreadable=self.unreadable.append,
        )

    def _progress(self, count: int) -> None:
        self.looked_at += count


async def test_old_ones_are_rotated_and_current_ones_left_alone() -> None:
    credentials = Credentials(b"old 1", b"new 2", b"old 3")
    run = Run(credentials)
    await run.keys.run()
    assert credentials.data == [b"new 1", b"new 2", b"new 3"]
    assert [row.version for row in credentials._all()] == [2, 1, 2]
    assert run.rotation.rotated == 2
    assert run.looked_at == 3


async def test_all_pages_are_looked_at() -> None:
    credentials = Credentials(*(b"old" for _ in range(PAGE * 2 + 1)))
    run = Run(credentials)
    await run.keys.run()
    assert set(credentials.data) == {b"new"}
    assert run.looked_at == PAGE * 2 + 1


async def test_one_without_a_known_key_is_named_and_the_rest_goes_on() -> None:
    credentials = Credentials(b"old 1", b"lost 2", b"old 3")
    run = Run(credentials)
    await run.keys.run()
    assert credentials.data == [b"new 1", b"lost 2", b"new 3"]
    assert run.unreadable == [a_connection(2)]


async def test_a_disconnect_meanwhile_wins() -> None:
    credentials = Credentials(b"old 1", b"old 2")

    async def disconnect() -> None:
        row = credentials.world.connections[a_connection(1)].mark_disconnected(NOW)
        credentials.world.add(replace(row, version=2))

    credentials.world.at("replace", disconnect)
    run = Run(credentials)
    await run.keys.run()
    assert credentials.data == [b"new 2"]
    assert run.rotation.rotated == 1


async def test_a_change_meanwhile_is_looked_at_again() -> None:
    credentials = Credentials(b"old 1", b"lost 2")

    async def change() -> None:
        credentials.put(1, b"old again", version=9)

    credentials.world.at("replace", change)
    run = Run(credentials)
    await run.keys.run()
    assert credentials.data == [b"new again", b"lost 2"]
    assert run.rotation.rotated == 1
    assert run.unreadable == [a_connection(2)]


async def test_after_an_interruption_it_goes_on() -> None:
    credentials = Credentials(*(b"old" for _ in range(PAGE * 2)))

    async def pass_by() -> None:
        """The first page goes in."""

    credentials.world.at("replace", pass_by, credentials.world.fail)
    with pytest.raises(StorageError):
        await Run(credentials).keys.run()
    assert credentials.data.count(b"new") == PAGE
    again = Run(credentials)
    await again.keys.run()
    assert set(credentials.data) == {b"new"}
    assert again.rotation.rotated == PAGE
