"""What the writer asks of a database, whatever its dialect."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias
from uuid import UUID

from domain.events import (
    FailureReason,
    ProviderDisconnectionFailed,
    ProviderEvent,
    ProviderRef,
    RecordedEvent,
)
from domain.identifiers import AttemptId, ConnectionId, EventId, UserId
from domain.ports import AttemptClosed, ConcurrentUpdate
from domain.provider_connection import ProviderConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A connection as it is to become, with the events that say so: accepted whole or not at all.

    The condition for the connection is its version; for an event that ends an attempt, that the
    attempt is open. A write of nothing is always accepted.
    """

    events: tuple[ProviderEvent, ...] = ()
    connection: ProviderConnection | None = None

    @property
    def keys(self) -> frozenset[UUID]:
        """What it depends on. Writes with a key in common have to stay in order."""
        attempts = {event.attempt_id for event in self.events}
        return frozenset(attempts if self.connection is None else attempts | {self.connection.id})


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseAttempt:
    """`Failed` for an attempt that has no outcome, of which only the id is known.

    The store copies user, connection and provider from its `Attempted`.
    """

    attempt_id: AttemptId
    event_id: EventId
    occurred_at: datetime
    reason: FailureReason

    @property
    def keys(self) -> frozenset[UUID]:
        """As `Write.keys`."""
        return frozenset({self.attempt_id})

    def failed(
        self, user_id: UserId, connection_id: ConnectionId, provider: ProviderRef | None
    ) -> ProviderDisconnectionFailed:
        """The event, with what its `Attempted` says."""
        return ProviderDisconnectionFailed(
            id=self.event_id,
            occurred_at=self.occurred_at,
            user_id=user_id,
            connection_id=connection_id,
            attempt_id=self.attempt_id,
            provider=provider,
            reason=self.reason,
        )


Member: TypeAlias = Write | CloseAttempt
"""Of a batch."""


def event_ids(member: Member) -> Sequence[EventId]:
    """Of the events that it brings along."""
    match member:
        case Write(events=events):
            return [event.id for event in events]
        case CloseAttempt(event_id=event_id):
            return [event_id]


def of_members(
    members: Sequence[Member], found: Iterable[RecordedEvent]
) -> Sequence[Sequence[RecordedEvent] | None]:
    """Each member's events; None when they are not among those that were found."""
    by_id = {recorded.event.id: recorded for recorded in found}
    ids = [event_ids(member) for member in members]
    return [[by_id[i] for i in own] if by_id.keys() >= set(own) else None for own in ids]


Outcome: TypeAlias = Sequence[RecordedEvent] | ConcurrentUpdate | AttemptClosed


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

    async def commit(self, members: Sequence[Member]) -> Sequence[Outcome]:
        """One transaction, durable when it returns; an outcome for each member, in order.

        Raises `StorageError` (nothing was written), `MemberRefused` or `OutcomeUnknown`.
        """

    async def read_back(
        self, members: Sequence[Member]
    ) -> Sequence[Sequence[RecordedEvent] | None]:
        """For each member its events if it was written, else None.

        A commit on its way is waited for. Raises `StorageError`.
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
        self, older_than: timedelta | None, after: AttemptId | None, limit: int
    ) -> Sequence[AttemptId]:
        """Attempts that are open for longer, by the database's clock; all when that is None.

        Up to `limit` of them in order, behind `after`.
        """
