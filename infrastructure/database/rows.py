"""Between rows and what the domain calls them; the same for every dialect.

A row is a tuple in the order of the columns named here, with UUIDs and times as the driver gives
them: values or text.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from domain.events import (
    FailureReason,
    ProviderDisconnectionAttempted,
    ProviderDisconnectionFailed,
    ProviderDisconnectionSucceeded,
    ProviderEvent,
    ProviderRef,
    RecordedEvent,
)
from domain.identifiers import ConnectionId, ProviderId, UserId
from domain.provider_connection import ConnectionStatus, ProviderConnection, ProviderCredentials

CONNECTION_COLUMNS = (
    "id",
    "user_id",
    "provider_id",
    "created_at",
    "provider_slug",
    "alias",
    "status",
    "encrypted_credentials",
    "credential_type",
    "credentials_expire_at",
    "connected_at",
    "disconnected_at",
    "last_sync_at",
    "updated_at",
    "version",
)
FIXED = 4
"""So many of them never change."""

CIPHERTEXT = "encrypted_credentials"
READ_COLUMNS = tuple(column for column in CONNECTION_COLUMNS if column != CIPHERTEXT)
"""How connections are read: without what may be hundreds of kilobytes that no rule looks at."""

EVENT_COLUMNS = (
    "id",
    "user_id",
    "position",
    "kind",
    "occurred_at",
    "connection_id",
    "attempt_id",
    "provider_id",
    "provider_slug",
    "reason",
)


class Row(Protocol):
    """A tuple, or asyncpg's record, which is no `Sequence` to type checkers."""

    def __getitem__(self, index: slice, /) -> Sequence[Any]: ...


_KINDS: dict[type[ProviderEvent], str] = {
    ProviderDisconnectionAttempted: "attempted",
    ProviderDisconnectionSucceeded: "succeeded",
    ProviderDisconnectionFailed: "failed",
}
OPENING = frozenset({"attempted"})
"""Kinds of events that open their attempt."""
CLOSING = frozenset({"succeeded", "failed"})
"""Kinds of events that end their attempt, and are refused unless it is open."""


def connection_row(connection: ProviderConnection) -> tuple[Any, ...]:
    """From `CONNECTION_COLUMNS`, with UUIDs and times as values.

    A type without ciphertext says that the ciphertext is to stay as it is stored.
    """
    credentials = connection.credentials
    return (
        connection.id,
        connection.user_id,
        connection.provider_id,
        connection.created_at,
        connection.provider_slug,
        connection.alias,
        connection.status.value,
        credentials.encrypted_data if credentials else None,
        credentials.credential_type if credentials else None,
        credentials.expires_at if credentials else None,
        connection.connected_at,
        connection.disconnected_at,
        connection.last_sync_at,
        connection.updated_at,
        connection.version,
    )


def connection_of(row: Sequence[Any], encrypted: bytes | None = None) -> ProviderConnection:
    """From `READ_COLUMNS`."""
    credential_type, expires_at = row[7:9]
    return ProviderConnection(
        id=ConnectionId(as_uuid(row[0])),
        user_id=UserId(as_uuid(row[1])),
        provider_id=ProviderId(as_uuid(row[2])),
        created_at=_time(row[3]),
        provider_slug=row[4],
        alias=row[5],
        status=ConnectionStatus(row[6]),
        credentials=None
        if credential_type is None
        else ProviderCredentials(
            encrypted_data=encrypted,
            credential_type=credential_type,
            expires_at=_time_or_none(expires_at),
        ),
        connected_at=_time_or_none(row[9]),
        disconnected_at=_time_or_none(row[10]),
        last_sync_at=_time_or_none(row[11]),
        updated_at=_time(row[12]),
        version=row[13],
    )


def kind_of(event: ProviderEvent) -> str:
    """Its kind, as stored."""
    return _KINDS[type(event)]


def event_row(recorded: RecordedEvent) -> tuple[Any, ...]:
    """With UUIDs and times as values."""
    event = recorded.event
    provider = event.provider
    return (
        event.id,
        event.user_id,
        recorded.position,
        kind_of(event),
        event.occurred_at,
        event.connection_id,
        event.attempt_id,
        provider.id if provider else None,
        provider.slug if provider else None,
        event.reason.value if isinstance(event, ProviderDisconnectionFailed) else None,
    )


def event_of(row: Row) -> RecordedEvent:
    """The inverse of `event_row`."""
    event_id, user_id, position, kind, occurred_at, connection_id, attempt_id = row[:7]
    provider_id, provider_slug, reason = row[7:]
    facts: dict[str, Any] = {
        "id": as_uuid(event_id),
        "occurred_at": _time(occurred_at),
        "user_id": as_uuid(user_id),
        "connection_id": as_uuid(connection_id),
        "attempt_id": as_uuid(attempt_id),
        "provider": None
        if provider_id is None
        else ProviderRef(id=ProviderId(as_uuid(provider_id)), slug=provider_slug),
    }
    event: ProviderEvent
    match kind:
        case "attempted":
            event = ProviderDisconnectionAttempted(**facts)
        case "succeeded":
            event = ProviderDisconnectionSucceeded(**facts)
        case "failed":
            event = ProviderDisconnectionFailed(**facts, reason=FailureReason(reason))
        case _:
            raise ValueError("an event of an unknown kind")
    return RecordedEvent(event=event, position=position)


def as_uuid(value: UUID | str) -> UUID:
    """As PostgreSQL's driver gives it, or as SQLite's text."""
    return value if isinstance(value, UUID) else UUID(value)


def _time(value: datetime | str) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def _time_or_none(value: datetime | str | None) -> datetime | None:
    return None if value is None else _time(value)
