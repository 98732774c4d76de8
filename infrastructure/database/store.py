"""What the writer asks of a database of any dialect."""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeAlias
from uuid import UUID

from domain.events import (
    FailureReason,
    Initiator,
    ProviderConnected,
    ProviderDisconnectionAttempted,
    ProviderDisconnectionFailed,
    ProviderEvent,
    ProviderRef,
    ProviderTokenRevocationAttempted,
    RecordedEvent,
)
from domain.identifiers import AttemptId, ConnectionId, EventId, UserId
from domain.ports import AttemptClosed, AttemptRecorded, ConcurrentUpdate
from domain.provider_connection import ProviderConnection
from infrastructure.database.statements import Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A connection as it is to become, with the events that say so: accepted whole or not at all.

    The condition for the connection is its version, or when it `is_new` that its account has no
    other current one; for an event that ends an attempt, that the attempt is open, and for one that
    ends a revocation, that `lease` is held; for an attempt whose id a back end made, that the log
    does not have it. A write of nothing is always accepted.

    `revocation` is recorded, behind the events, when the provider can revoke the ciphertext that
    the connection loses, or else `late` ciphertext for a connection that is disconnected.
    """

    events: tuple[ProviderEvent, ...] = ()
    connection: ProviderConnection | None = None
    is_new: bool = False
    revocation: ProviderTokenRevocationAttempted | None = None
    late: bytes | None = field(default=None, repr=False)
    lease: UUID | None = None

    @property
    def keys(self) -> frozenset[Hashable]:
        """What it depends on. Writes with a key in common have to stay in order."""
        keys: set[Hashable] = {e.attempt_id for e in self.events if e.attempt_id is not None}
        keys.update(self.revoked)
        if self.connection is not None:
            keys.add(self.connection.id)
            if self.is_new and (account := account_of(self.connection)) is not None:
                keys.add(account)
        return frozenset(keys)

    @property
    def rows(self) -> frozenset[UUID]:
        """Ids of the rows that it locks: connection, attempts, users' heads."""
        ids: set[UUID] = {e.attempt_id for e in self.events if e.attempt_id is not None}
        ids.update(event.user_id for event in self.possible)
        ids.update(self.revoked)
        if self.connection is not None:
            ids.add(self.connection.id)
        return frozenset(ids)

    @property
    def possible(self) -> Sequence[ProviderEvent]:
        """All that may be recorded."""
        return self.events if self.revocation is None else (*self.events, self.revocation)

    @property
    def revoked(self) -> Sequence[ConnectionId]:
        """The connection whose revocation begins late, or ends."""
        if self.late is not None and self.revocation is not None:
            return [self.revocation.connection_id]
        return [event.connection_id for event in self.events] if self.lease is not None else []

    @property
    def repeatable(self) -> Sequence[AttemptId]:
        """Attempts whose ids a back end made, or follow from a batch: they may come again."""
        return [
            event.attempt_id
            for event in self.events
            if event.attempt_id is not None
            and (
                isinstance(event, ProviderConnected)
                or (
                    isinstance(event, ProviderDisconnectionAttempted)
                    and (event.initiator is not Initiator.USER or event.batch_id is not None)
                )
            )
        ]


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
    def keys(self) -> frozenset[Hashable]:
        return frozenset({self.attempt_id})

    @property
    def rows(self) -> frozenset[UUID]:
        """As `Write.rows`. The store knows the user."""
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


Account: TypeAlias = tuple[UserId, str, str]


def account_of(connection: ProviderConnection) -> Account | None:
    """User, provider slug and the provider's id of the account, when that is known."""
    account_id = connection.provider_account_id
    if account_id is None:
        return None
    return connection.user_id, connection.provider_slug, account_id


Member: TypeAlias = Write | CloseAttempt
"""Of a batch."""


def event_ids(member: Member) -> Sequence[EventId]:
    """Of the events that it brings along."""
    match member:
        case Write():
            return [event.id for event in member.possible]
        case CloseAttempt(event_id=event_id):
            return [event_id]


def silent(members: Iterable[Member]) -> Mapping[ConnectionId, ProviderConnection]:
    """Connections of writes without an event: they are read back by what they wrote."""
    return {
        member.connection.id: member.connection
        for member in members
        if isinstance(member, Write) and member.connection is not None and not event_ids(member)
    }


def of_members(
    members: Sequence[Member],
    found: Iterable[RecordedEvent],
    connections: Iterable[ProviderConnection],
) -> Sequence[Sequence[RecordedEvent] | None]:
    """Each member's events; None when it is not among what was found.

    `connections` are those of writes without an event, as they are now.
    """
    by_id = {recorded.event.id: recorded for recorded in found}
    stored = {connection.id: connection for connection in connections}
    return [_of_member(member, by_id, stored) for member in members]


def _of_member(
    member: Member,
    found: Mapping[EventId, RecordedEvent],
    stored: Mapping[ConnectionId, ProviderConnection],
) -> Sequence[RecordedEvent] | None:
    ids = event_ids(member)
    if isinstance(member, Write) and not ids and member.connection is not None:
        written, now = member.connection, stored.get(member.connection.id)
        # Each encryption has a ciphertext of its own, so equal credentials are this write's.
        return [] if now is not None and _has_landed(written, now) else None
    there = [found[i] for i in ids if i in found]
    # Whether a revocation has begun is the commit's decision, unless it is all that was written.
    certain = len(member.events) if isinstance(member, Write) else 1
    return there if len(there) >= min(len(ids), max(1, certain)) else None


def _has_landed(written: ProviderConnection, now: ProviderConnection) -> bool:
    kept = written.credentials is not None and written.credentials.encrypted_data is None
    if kept and now.credentials is not None:
        now = replace(now, credentials=replace(now.credentials, encrypted_data=None))
    same = replace(now, version=written.version) == written
    return now.version > written.version and same


Refusal: TypeAlias = ConcurrentUpdate | AttemptClosed | AttemptRecorded
Outcome: TypeAlias = Sequence[RecordedEvent] | Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCredential:
    """A connection's encrypted credentials, at a version of its row."""

    connection_id: ConnectionId
    version: int
    encrypted_data: bytes = field(repr=False)


class MemberRefused(Exception):
    """Something that a member brought along broke the batch (a constraint, data, a timeout).

    Nothing was written.
    """


class MembersBlocked(Exception):
    """The batch waited too long for a row that another session has locked. Nothing was written."""


class OutcomeUnknown(Exception):
    """The connection broke: the batch is written, or will be, or not. Read back."""


class StillInDoubt:
    """A member's rows are locked, maybe by its own commit, which may still be on its way."""


ReadBack: TypeAlias = Sequence[RecordedEvent] | StillInDoubt | None
"""A member's events when it was written, None when it was not."""


class BatchStore(Protocol):
    """One database's side of the writer. Driver exceptions stay inside."""

    @property
    def lock_timeout(self) -> float:
        """Seconds for which a member waits for rows that another session has locked."""

    async def commit(self, members: Sequence[Member]) -> Sequence[Outcome]:
        """One transaction, durable when it returns; an outcome for each member, in order.

        Raises `StorageError` (nothing was written), `MemberRefused`, `MembersBlocked` or
        `OutcomeUnknown`.
        """

    async def read_back(self, members: Sequence[Member]) -> Sequence[ReadBack]:
        """What became of members of a batch whose outcome is unknown. Raises `StorageError`."""

    async def locked_rows(self, members: Sequence[Member]) -> Collection[UUID]:
        """Which of the members' `rows` other sessions have locked. Raises `StorageError`.

        An attempt counts as locked when the head of its user is.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Abandoned:
    """Which open attempts: those older than that by the database's clock, and of these initiators.

    None leaves a property open.
    """

    older_than: timedelta | None = None
    initiators: tuple[Initiator, ...] | None = None


class Store(BatchStore, Protocol):
    """All that is written, and what only the database's own clock can tell.

    Every method raises `StorageError`; nothing was written then.
    """

    async def execute(self, statement: Statement, *values: object) -> Sequence[Mapping[str, Any]]:
        """One statement as a transaction of its own, beside the writer; the rows that it returns.

        Values are UUIDs, times, texts, numbers and bytes. SQLite returns text for the first two.
        """

    async def insert(self, connections: Sequence[ProviderConnection]) -> int:
        """Connections from elsewhere, in one transaction; returns how many were new.

        Ids that are there already, and accounts that are connected already, are left untouched.
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
        self, wanted: "Abandoned", after: AttemptId | None, limit: int
    ) -> Sequence[AttemptId]:
        """Open attempts, up to `limit` of them in order, behind `after`."""
