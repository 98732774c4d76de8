"""What the writer asks of a database, whatever its dialect."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol, TypeAlias

from domain.events import ProviderEvent, RecordedEvent
from domain.identifiers import ConnectionId, EventId
from domain.ports import AttemptClosed, ConcurrentUpdate
from domain.provider_connection import ProviderConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """An event, and the connection that it changed, if any. Data, not a conversation."""

    event: ProviderEvent
    connection: ProviderConnection | None = None


Outcome: TypeAlias = RecordedEvent | ConcurrentUpdate | AttemptClosed


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCredential:
    """A connection's encrypted credentials, at a version of its row."""

    connection_id: ConnectionId
    version: int
    encrypted_data: bytes = field(repr=False)


class MemberRefused(Exception):
    """Something that a member brought along broke the batch (a constraint, data, a lock timeout).

    Nothing was written.
    """


class OutcomeUnknown(Exception):
    """The connection broke: the batch is written, or will be, or not. Read back."""


class BatchStore(Protocol):
    """One database's side of the writer. Driver exceptions stay inside."""

    async def commit(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """One transaction, durable when it returns; an outcome for each member, in order.

        Raises `StorageError` (nothing was written), `MemberRefused` or `OutcomeUnknown`.
        """

    async def read_back(self, writes: Sequence[Write]) -> Mapping[EventId, RecordedEvent]:
        """Which of these events are in the log, by event id; a commit on its way is waited for.

        Raises `StorageError`.
        """


class Store(BatchStore, Protocol):
    """All that is written, and what only the database's own clock can tell.

    Every method raises `StorageError`; nothing was written then.
    """

    async def insert(self, connections: Sequence[ProviderConnection]) -> int:
        """Connections from elsewhere, in one transaction; returns how many were new.

        Ids that are there already are left untouched.
        """

    async def replace_credentials(self, changed: Sequence[StoredCredential]) -> int:
        """In one transaction, each only if its row still has the version that was read.

        Returns how many went in.
        """

    async def record_key(self, fingerprint: str) -> None:
        """Notes a key that encrypts credentials from now on. Repeating it changes nothing."""

    async def forget_key(self, fingerprint: str) -> None:
        """Removes a key that no credential is encrypted with any more."""

    async def abandoned(
        self, older_than: timedelta | None, limit: int
    ) -> Collection[ProviderEvent]:
        """The `Attempted` of attempts that are open for longer, by the database's clock.

        Of all open attempts when `older_than` is None.
        """
