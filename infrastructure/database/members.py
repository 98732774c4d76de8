"""What goes into a commit: writes, and attempts that are to be closed."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias
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
)
from domain.identifiers import AttemptId, ConnectionId, EventId, UserId
from domain.provider_connection import ProviderConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A connection as it is to become, with the events that say so: accepted whole or not at all.

    The condition for the connection is its version, or when it `is_new` that its account has no
    other current one; for an event that ends an attempt, that the attempt is open, and for one that
    ends a revocation, that `lease` is held; for an attempt whose id a back end made, that the log
    does not have it. A write of nothing is always accepted.

    `revocation` is recorded, behind the events, when the provider can revoke the ciphertext that
    the connection loses, or else `late` ciphertext for a connection that is disconnected. What a
    connection loses to new ciphertext is revoked by a provider that ends single tokens only.
    """

    events: tuple[ProviderEvent, ...] = ()
    connection: ProviderConnection | None = None
    is_new: bool = False
    revocation: ProviderTokenRevocationAttempted | None = None
    late: bytes | None = field(default=None, repr=False)
    lease: UUID | None = None
    former: "Write | None" = field(default=None, repr=False)
    """The try before, which may be written as well: see `tried_again`."""

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
    former: "CloseAttempt | None" = field(default=None, repr=False)
    """As in `Write`."""

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


def tries(member: Member) -> Iterator[Member]:
    """The member, and what it was in the tries before, the last one first."""
    each: Member | None = member
    while each is not None:
        yield each
        each = each.former


def tried_again(member: Member, new_id: Callable[[], UUID]) -> Member:
    """The same with other ids, after a try that was not found.

    That try may have been committed, read by others, and lost with its server's last commits. The
    place of its event, which is a position and an id, must not come again in the history that goes
    on without it: what followed there would take the one for the other.
    """
    match member:
        case Write():
            events = tuple(replace(event, id=EventId(new_id())) for event in member.events)
            begun = member.revocation
            if begun is not None:
                begun = replace(begun, id=EventId(new_id()))
            return replace(member, events=events, revocation=begun, former=member)
        case CloseAttempt():
            return replace(member, event_id=EventId(new_id()), former=member)


def silent(members: Iterable[Member]) -> Mapping[ConnectionId, ProviderConnection]:
    """Connections of writes without an event: they are read back by what they wrote."""
    return {
        member.connection.id: member.connection
        for member in members
        if isinstance(member, Write) and member.connection is not None and not event_ids(member)
    }
