"""Connections by id, and the ways to change them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from domain.events import ProviderEvent, ProviderTokenRevocationAttempted, RecordedEvent
from domain.identifiers import ConnectionId, UserId
from domain.provider_connection import ProviderConnection, ProviderCredentials


class NotFound(Enum):
    """Why a user's connection was not found. Only operators may learn which it was."""

    MISSING = "missing"
    NOT_OWNED = "not owned"


class ProviderConnectionRepository(Protocol):
    """Connections by id, and the one way to change them."""

    async def find_by_id(self, connection_id: ConnectionId) -> ProviderConnection | None:
        """Any user's; the caller checks. Its credentials stay in the database.

        Raises `StorageError`.
        """

    async def find_owned(
        self, connection_id: ConnectionId, user_id: UserId
    ) -> ProviderConnection | NotFound:
        """A user's own. Nothing of another user's connection is read, so that finding out takes
        as long as for a missing one.

        Raises `StorageError`.
        """

    async def find_by_user_id(self, user_id: UserId) -> Sequence[ProviderConnection]:
        """All of a user's, in order of creation. Raises `StorageError`."""

    async def save(
        self,
        connection: ProviderConnection,
        event: ProviderEvent,
        revocation: ProviderTokenRevocationAttempted | None = None,
    ) -> RecordedEvent:
        """Connection and event in one transaction, durable when it returns.

        When it takes credentials away that their provider can revoke, `revocation` is recorded too,
        and they are kept for the workers until its outcome; else they are destroyed. Credentials
        that are replaced are revoked by a provider that ends single tokens only.

        A connection that is as it was read is not written, its event only recorded. Raises
        `ConcurrentUpdate`, `AttemptClosed` or `StorageError`, and then nothing was written. When it
        is cancelled, the write may still happen, or not. An event that begins an attempt raises
        `AttemptRecorded` when the log has the attempt.
        """

    async def update(self, connection: ProviderConnection) -> None:
        """A change that no event tells of. Otherwise as `save`."""

    async def add(self, connection: ProviderConnection, event: ProviderEvent) -> RecordedEvent:
        """A new connection and its first event, as `save`.

        `ConcurrentUpdate` means that the account was connected meanwhile: look it up again.
        """

    async def revoke_late(
        self, credentials: ProviderCredentials, revocation: ProviderTokenRevocationAttempted
    ) -> bool:
        """Keeps credentials of a disconnected connection for the workers, and records the attempt.

        False: their provider can't revoke, and nothing was stored. Raises `StorageError`.
        """

    async def grant_is_ending(self, connection: ProviderConnection) -> bool:
        """Whether a worker is about to end a grant that this connection may share.

        It began before the connection had credentials, or it would leave the grant alone. Raises
        `StorageError`.
        """

    async def find_account(
        self, user_id: UserId, provider_slug: str, account_id: str
    ) -> "AccountConnections":
        """A user's connections to one account at a provider. Raises `StorageError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountConnections:
    """`current` is the one that is not disconnected, `previous_id` the last one that is."""

    current: ProviderConnection | None
    previous_id: ConnectionId | None


class ConnectionSecrets(Protocol):
    """Connections with their encrypted credentials."""

    async def find_with_credentials(self, connection_id: ConnectionId) -> ProviderConnection | None:
        """Any user's; the caller checks. Raises `StorageError`."""
