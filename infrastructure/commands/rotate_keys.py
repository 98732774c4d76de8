"""Re-encrypts every credential with the first key, page by page, beside a running server."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol
from uuid import UUID

from domain.identifiers import ConnectionId
from domain.ports import UnknownKey
from infrastructure.database.store import StoredCredential

PAGE = 500


class StoredCredentials(Protocol):
    """All credentials in the database. Every method raises `StorageError`."""

    async def count(self) -> int:
        """How many there are."""

    async def page(self, after: ConnectionId | None, limit: int) -> Sequence[StoredCredential]:
        """In order of connection ids, after one of them."""

    async def replace(self, changed: Sequence[StoredCredential]) -> int:
        """In one transaction, each only if its row still has the version that was read.

        A connection that was disconnected since keeps no credentials. Returns how many went in.
        """


@dataclass(slots=True)
class Rotation:
    """Counts of the credentials and secrets so far; the ids of connections and endpoints."""

    rotated: int = 0
    unreadable: set[UUID] = field(default_factory=set)

    def __str__(self) -> str:
        return f"{self.rotated} re-encrypted, {len(self.unreadable)} unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateKeys:
    """Safe to interrupt and repeat: credentials that have the first key already are left as is.

    `rotate` returns None for those, and raises `UnknownKey`. `on_progress` gets the number of
    credentials of each page; `on_unreadable` gets a connection whose key is not known.
    """

    credentials: StoredCredentials
    rotate: Callable[[bytes], bytes | None]
    rotation: Rotation
    on_progress: Callable[[int], None]
    on_unreadable: Callable[[ConnectionId], None]

    async def run(self) -> None:
        """Raises `StorageError`; pages that were done before stay done."""
        while await self._look_at_all():
            pass  # other processes changed rows meanwhile: look again

    async def _look_at_all(self) -> int:
        """How many have changed between look and replacement."""
        lost, after = 0, None
        while page := await self.credentials.page(after, PAGE):
            changed = [new for stored in page if (new := self._rotated(stored)) is not None]
            if changed:
                replaced = await self.credentials.replace(changed)
                self.rotation.rotated += replaced
                lost += len(changed) - replaced
            after = page[-1].connection_id
            self.on_progress(len(page))
        return lost

    def _rotated(self, stored: StoredCredential) -> StoredCredential | None:
        try:
            encrypted = self.rotate(stored.encrypted_data)
        except UnknownKey:
            if stored.connection_id not in self.rotation.unreadable:
                self.rotation.unreadable.add(stored.connection_id)
                self.on_unreadable(stored.connection_id)
            return None
        return None if encrypted is None else replace(stored, encrypted_data=encrypted)
