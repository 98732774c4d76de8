"""What happened to a connection: immutable, in the past tense, without credentials."""

import base64
import binascii
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from domain.identifiers import AttemptId, BatchId, ConnectionId, EventId, ProviderId, UserId
from domain.token_revocation import RevocationEvidence

MAX_NOTE_LENGTH = 500


class FailureReason(StrEnum):
    """Why an attempt failed. Operators see it as it is; clients never see `NOT_OWNED_BY_USER`."""

    CONNECTION_NOT_FOUND = "connection_not_found"
    NOT_OWNED_BY_USER = "not_owned_by_user"
    DATABASE_ERROR = "database_error"
    INTERRUPTED = "interrupted"
    REFUSED = "refused"
    GAVE_UP = "gave_up"
    SHARED_GRANT = "shared_grant"
    UNREADABLE_CREDENTIALS = "unreadable_credentials"


class Initiator(StrEnum):
    """Who asked for a disconnection."""

    USER = "user"
    SERVICE = "service"
    OPERATOR = "operator"


class AccessLoss(StrEnum):
    """How a provider stopped accepting credentials. The values are lifecycle statuses."""

    EXPIRED = "expired"
    REVOKED = "revoked"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRef:
    """A provider, by id and slug."""

    id: ProviderId
    slug: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleEvent:
    """Members of every lifecycle event.

    `id` is a UUIDv7, `occurred_at` is UTC, `user_id` is the user whose log it is in, `attempt_id`
    ties an `Attempted` to its outcome (None: no command with an attempt led to it). `provider` is
    known only when the connection is the user's own.
    """

    id: EventId
    occurred_at: datetime
    user_id: UserId
    connection_id: ConnectionId
    attempt_id: AttemptId | None
    provider: ProviderRef | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderConnected(LifecycleEvent):
    """A connection began, or began again with new credentials.

    `created` tells the two apart. `previous_connection_id` is the disconnected connection of the
    same account that a created one follows.
    """

    created: bool
    previous_connection_id: ConnectionId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAccessLost(LifecycleEvent):
    """The provider no longer accepts the credentials."""

    loss: AccessLoss


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAccessRestored(LifecycleEvent):
    """A refresh gave a connection that had lost access credentials that work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderDisconnectionAttempted(LifecycleEvent):
    """The initiator asked to disconnect a provider. Users are shown `note` as it is."""

    initiator: Initiator = Initiator.USER
    batch_id: BatchId | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderDisconnectionSucceeded(LifecycleEvent):
    """The connection is disconnected and has no credentials any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderDisconnectionFailed(LifecycleEvent):
    """The attempt is over and changed nothing."""

    reason: FailureReason


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderTokenRevocationAttempted(LifecycleEvent):
    """The provider will be asked to end tokens: of a disconnected connection, or replaced ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderTokenRevocationSucceeded(LifecycleEvent):
    """The tokens have ended at the provider."""

    evidence: RevocationEvidence


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderTokenRevocationFailed(LifecycleEvent):
    """The attempt is over, and the tokens may be alive. Users can end access at `manage_url`."""

    reason: FailureReason
    manage_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnrecognizedEvent(LifecycleEvent):
    """An event of a kind that a newer version wrote. It has a position, and is not shown."""

    kind: str


ProviderEvent: TypeAlias = (
    ProviderConnected
    | ProviderAccessLost
    | ProviderAccessRestored
    | ProviderDisconnectionAttempted
    | ProviderDisconnectionSucceeded
    | ProviderDisconnectionFailed
    | ProviderTokenRevocationAttempted
    | ProviderTokenRevocationSucceeded
    | ProviderTokenRevocationFailed
    | UnrecognizedEvent
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCursor:
    """A place in one user's log: after the event at `position`; 0 is before the first.

    It names the event as well, so that a log that was replaced by a restore is detected, even
    after the new history has grown past the old one.
    """

    user_id: UserId
    position: int
    event_id: EventId | None

    @classmethod
    def start(cls, user_id: UserId) -> "EventCursor":
        """Before the first event."""
        return cls(user_id=user_id, position=0, event_id=None)

    def encode(self) -> str:
        """Opaque URL-safe text of 55 characters: a kind byte, user, position, event."""
        event = self.event_id.bytes if self.event_id else bytes(16)
        raw = _KIND + self.user_id.bytes + self.position.to_bytes(8, "big") + event
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "EventCursor | None":
        """None when `text` is not a cursor of an event log. One position has only one text."""
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        if len(raw) != _LENGTH or raw[:1] != _KIND:
            return None
        position, event = int.from_bytes(raw[17:25], "big"), EventId(UUID(bytes=raw[25:]))
        cursor = cls(
            user_id=UserId(UUID(bytes=raw[1:17])),
            position=position,
            event_id=event if event.int else None,
        )
        if (position == 0) != (cursor.event_id is None) or position > MAX_POSITION:
            return None
        return cursor if cursor.encode() == text else None


_KIND = b"e"
_LENGTH = 1 + 16 + 8 + 16
MAX_POSITION = 2**31 - 1  # GraphQL's Int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """An event and its position in its user's log: 1, 2, 3, … in commit order."""

    event: ProviderEvent
    position: int
    previous_id: EventId | None = field(default=None, compare=False, repr=False)
    """The event in front of it, when the commit saw that one; None says nothing."""

    @property
    def cursor(self) -> EventCursor:
        """Resuming from it gives every later event."""
        return EventCursor(
            user_id=self.event.user_id, position=self.position, event_id=self.event.id
        )
