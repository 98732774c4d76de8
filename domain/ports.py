"""What the rules need from the outside; adapters in `infrastructure` and fakes in tests give it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Generic, Protocol, TypeAlias, TypeVar
from uuid import UUID

from domain.events import (
    EventCursor,
    ProviderEvent,
    ProviderTokenRevocationAttempted,
    ProviderTokenRevocationFailed,
    ProviderTokenRevocationSucceeded,
    RecordedEvent,
)
from domain.identifiers import AttemptId, BatchId, ConnectionId, EventId, UserId
from domain.provider_connection import ConnectionStatus, ProviderConnection, ProviderCredentials
from domain.token_revocation import Answers, LeasedRevocation

KeyT = TypeVar("KeyT")
ItemT = TypeVar("ItemT")
CallerT = TypeVar("CallerT")

Now: TypeAlias = Callable[[], datetime]
"""The time, in UTC."""

NewId: TypeAlias = Callable[[], UUID]
"""A new UUIDv7 (RFC 9562)."""


class ConcurrentUpdate(Exception):
    """The row's version has moved since the connection was read. Read it again."""


class AttemptClosed(Exception):
    """The attempt has its outcome already, or was never recorded: nothing was written."""


class AttemptRecorded(Exception):
    """The log has an event with this attempt already: nothing was written."""


class StorageError(Exception):
    """The database certainly did not take it: nothing was written.

    Its text is empty or a sentence for operators, never a driver's words.
    """


class LogReplaced(Exception):
    """The event at a cursor is not the cursor's: a restore or a crash has replaced the history."""


class KeysUnavailable(Exception):
    """The keys that tokens are verified with can't be had now: whether a token is valid is unknown.

    `retry_after`: seconds until it is worth asking again.
    """

    def __init__(self, retry_after: float) -> None:
        super().__init__("keys unavailable")
        self.retry_after = retry_after


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
        and they are kept for the workers until its outcome; else they are destroyed.

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


class PendingRevocations(Protocol):
    """Revocations of which this process holds the lease."""

    async def settle(
        self,
        leased: LeasedRevocation,
        outcome: ProviderTokenRevocationSucceeded | ProviderTokenRevocationFailed,
    ) -> RecordedEvent:
        """The one outcome, which destroys the credentials; durable when it returns.

        Raises `AttemptClosed` (the lease was lost) or `StorageError`; nothing was written then.
        """

    async def postpone(
        self, leased: LeasedRevocation, *, answers: Answers, code: str, seconds: float
    ) -> None:
        """No outcome yet: keeps the final answers, and says why and when to go on.

        Changes nothing when the lease was lost. Raises `StorageError`.
        """


class TokenRevoker(Protocol):
    """Asks providers to end tokens."""

    async def revoke(self, leased: LeasedRevocation) -> Answers:
        """What was answered now, for tokens without a final answer.

        Raises `UnreadableCredentials`.
        """


class ConnectionSecrets(Protocol):
    """Connections with their encrypted credentials."""

    async def find_with_credentials(self, connection_id: ConnectionId) -> ProviderConnection | None:
        """Any user's; the caller checks. Raises `StorageError`."""


class EventBus(Protocol):
    """Where events that change no connection are recorded."""

    async def publish(self, event: ProviderEvent) -> RecordedEvent:
        """Durable when it returns. `Attempted` opens its attempt, an outcome closes it.

        Raises `AttemptClosed` (an outcome whose attempt isn't open) or `StorageError`, and then
        nothing was written. When it is cancelled, the write may still happen, or not.
        """

    async def publish_all(self, events: Sequence[ProviderEvent]) -> Sequence[RecordedEvent]:
        """All of one user's events, in one commit, or none of them. Otherwise as `publish`.

        Raises `AttemptRecorded` as well, when the log has one of the attempts that they begin.
        """

    async def of_attempt(self, attempt_id: AttemptId) -> Sequence[RecordedEvent]:
        """What the attempt recorded, its beginning first. Raises `StorageError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest(Generic[KeyT]):
    """A page to read: up to `limit` items strictly between `after` and `before`.

    The first ones, or the last ones when `backwards`; in ascending order either way.
    """

    limit: int
    after: KeyT | None = None
    before: KeyT | None = None
    backwards: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[ItemT]):
    """Items in ascending order, and whether the list goes on at either end (Relay's `PageInfo`)."""

    items: Sequence[ItemT]
    has_previous: bool
    has_next: bool


@dataclass(frozen=True, slots=True, order=True)
class ConnectionKey:
    """A place in a user's list of connections, which is in order of creation."""

    created_at: datetime
    id: ConnectionId


class ConnectionList(Protocol):
    """One user's connections, page by page."""

    async def page(
        self,
        user_id: UserId,
        request: PageRequest[ConnectionKey],
        statuses: frozenset[ConnectionStatus] | None = None,
    ) -> Page[ProviderConnection]:
        """In order of creation; only those in `statuses` when given. Raises `StorageError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFilter:
    """Which connections of all users; None leaves a property open."""

    user_id: UserId | None = None
    provider_slug: str | None = None
    statuses: frozenset[ConnectionStatus] | None = None
    connected_before: datetime | None = None
    """By `connected_at`, or `created_at` when it is not known."""
    ids: frozenset[ConnectionId] | None = None


class ConnectionRecords(Protocol):
    """All users' connections, page by page, as back ends see them."""

    async def records(
        self, wanted: ConnectionFilter, request: PageRequest[ConnectionKey]
    ) -> Page[ProviderConnection]:
        """In order of creation. Raises `StorageError`."""


class Cipher(Protocol):
    """Encrypts credentials at rest."""

    def encrypt(self, data: bytes, /) -> bytes:
        """With the first key."""

    def decrypt(self, data: bytes, /) -> bytes:
        """With the key that fits. Raises `UnknownKey`."""


class UnknownKey(Exception):
    """No configured key decrypts it."""


class CredentialsAudit(Protocol):
    """Where each read of credentials is written down."""

    def credentials_read(
        self, *, service: str, connection_id: ConnectionId, user_id: UserId | None, outcome: str
    ) -> None:
        """Written when it returns. Raises `OSError`; then nothing may be handed out."""


class EventLog(Protocol):
    """One user's events, in the order in which they became visible.

    Positions start at 1 and have no gaps. An append holds the user's head until it commits, so a
    reader who has seen position `n` never finds a new event at or below `n` later. Every method
    raises `StorageError` when the database can't be read; a standby that lacks a cursor's event
    counts as that, since it may only be behind.
    """

    async def read(self, after: EventCursor, limit: int) -> Sequence[RecordedEvent]:
        """Up to `limit` events after a cursor, in order.

        Raises `LogReplaced` when the event at the cursor's position is not the cursor's event.
        """

    async def page(
        self, user_id: UserId, request: PageRequest[int], connection_id: ConnectionId | None = None
    ) -> Page[RecordedEvent]:
        """History by position; only one connection's events when it is given."""

    async def head(self, user_id: UserId) -> EventCursor:
        """After the last event; position 0 when there is none."""

    async def holds(self, cursor: EventCursor) -> bool:
        """Whether the event at the cursor's position is the cursor's event (always at 0)."""

    async def find(self, user_id: UserId, event_id: EventId) -> RecordedEvent | None:
        """The user's event with this id."""


class BatchLog(Protocol):
    """What the log has of commands that were asked for together."""

    async def of_batch(self, user_id: UserId, batch_id: BatchId) -> Sequence[RecordedEvent]:
        """The user's attempts of a batch and their outcomes, in order. Raises `StorageError`."""

    async def head(self, user_id: UserId) -> EventCursor:
        """As `EventLog.head`."""


class EventSubscriber(Protocol):
    """Is told a user's events as they come. Both methods are called on the event loop, must not
    block, and may detach."""

    def deliver(self, events: Sequence[RecordedEvent], /) -> bool:
        """Takes the next events, never none. False: no more, until `Attachment.resume`."""

    def lost(self) -> None:
        """The log could not be read for a while, or its history was replaced. This is the end."""


class Attachment(Protocol):
    """A subscriber's place in a feed. It costs no task, and no read while nothing happens."""

    def resume(self) -> None:
        """The subscriber takes events again, from where it stopped."""

    def detach(self) -> None:
        """The subscriber is told nothing more. May be repeated."""


class EventFeed(Protocol):
    """Follows users' logs."""

    def attach(self, after: EventCursor, subscriber: EventSubscriber) -> Attachment:
        """Every event after a cursor that the log holds, in order, once, until `detach`.

        Delivers on a later turn of the event loop, never before it returns.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken(Generic[CallerT]):
    """A verified token. `expires_at` is UTC; a viewer's caller is the user's id."""

    caller: CallerT
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCaller:
    """A back end of the app: its name for logs, and what it may do."""

    name: str
    scopes: frozenset[str]

    def __str__(self) -> str:
        return self.name


class AccessTokens(Protocol[CallerT]):
    """Verifies bearer tokens (JWT, RFC 7519)."""

    async def verify(self, token: str) -> AccessToken[CallerT] | None:
        """None for every token that is not valid now, for any reason.

        Raises `KeysUnavailable` when its signature can't be verified now.
        """
