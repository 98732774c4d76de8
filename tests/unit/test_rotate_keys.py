"""Every credential ends up under the first key, and none comes back from the dead."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

import pytest

from domain.ports import StorageError
from infrastructure.rotate_keys import (
    PAGE,
    RotateKeys,
    Rotation,
    StoredCredential,
    UnknownKey,
)


class Credentials:
    """`StoredCredentials` in memory; `before_replace` is somebody else at work."""

    def __init__(self, *encrypted: bytes) -> None:
        self.rows = {
            UUID(int=n): StoredCredential(connection_id=UUID(int=n), version=1, encrypted_data=data)
            for n, data in enumerate(encrypted, start=1)
        }
        self.before_replace: Callable[[], None] = lambda: None

    @property
    def data(self) -> list[bytes]:
        return [row.encrypted_data for row in self.rows.values()]

    async def count(self) -> int:
        return len(self.rows)

    async def page(self, after: UUID | None, limit: int) -> Sequence[StoredCredential]:
        later = [row for i, row in self.rows.items() if after is None or i > after]
        return later[:limit]

    async def replace(self, changed: Sequence[StoredCredential]) -> int:
        self.before_replace()
        replaced = 0
        for new in changed:
            row = self.rows.get(new.connection_id)
            if row is not None and row.version == new.version:
                self.rows[row.connection_id] = replace(new, version=row.version + 1)
                replaced += 1
        return replaced


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
    assert [row.version for row in credentials.rows.values()] == [2, 1, 2]
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
    assert run.unreadable == [UUID(int=2)]


async def test_a_disconnect_meanwhile_wins() -> None:
    credentials = Credentials(b"old 1", b"old 2")

    def disconnect() -> None:
        credentials.rows.pop(UUID(int=1), None)

    credentials.before_replace = disconnect
    run = Run(credentials)
    await run.keys.run()
    assert credentials.data == [b"new 2"]
    assert run.rotation.rotated == 1


async def test_a_change_meanwhile_is_looked_at_again() -> None:
    credentials = Credentials(b"old 1", b"lost 2")

    def change() -> None:
        credentials.before_replace = lambda: None
        row = credentials.rows[UUID(int=1)]
        credentials.rows[UUID(int=1)] = replace(row, version=9, encrypted_data=b"old again")

    credentials.before_replace = change
    run = Run(credentials)
    await run.keys.run()
    assert credentials.data == [b"new again", b"lost 2"]
    assert run.rotation.rotated == 1
    assert run.unreadable == [UUID(int=2)]


async def test_after_an_interruption_it_goes_on() -> None:
    credentials = Credentials(*(b"old" for _ in range(PAGE * 2)))
    pages = 0

    def break_second() -> None:
        nonlocal pages
        pages += 1
        if pages == 2:
            raise StorageError

    credentials.before_replace = break_second
    with pytest.raises(StorageError):
        await Run(credentials).keys.run()
    assert credentials.data.count(b"new") == PAGE
    again = Run(credentials)
    await again.keys.run()
    assert set(credentials.data) == {b"new"}
    assert again.rotation.rotated == PAGE
