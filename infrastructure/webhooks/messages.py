"""What is sent: a type, a time and the event's members, as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.events import (
    ProviderAccessLost,
    ProviderAccessRestored,
    ProviderConnected,
    ProviderDisconnectionAttempted,
    ProviderDisconnectionFailed,
    ProviderDisconnectionSucceeded,
    ProviderEvent,
    ProviderTokenRevocationAttempted,
    ProviderTokenRevocationFailed,
    ProviderTokenRevocationSucceeded,
    RecordedEvent,
)
from infrastructure.persistence.event_json import event_members, to_json

EVENT_TYPES: Mapping[type[ProviderEvent], str] = {
    ProviderConnected: "provider.connected",
    ProviderAccessLost: "provider.access.lost",
    ProviderAccessRestored: "provider.access.restored",
    ProviderDisconnectionAttempted: "provider.disconnection.attempted",
    ProviderDisconnectionSucceeded: "provider.disconnection.succeeded",
    ProviderDisconnectionFailed: "provider.disconnection.failed",
    ProviderTokenRevocationAttempted: "provider.token_revocation.attempted",
    ProviderTokenRevocationSucceeded: "provider.token_revocation.succeeded",
    ProviderTokenRevocationFailed: "provider.token_revocation.failed",
}
TEST_TYPE = "webhook.test"
"""What `unplug webhooks test` sends. No endpoint can leave it out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """The body of a webhook, and the id that it keeps at every try."""

    id: UUID
    type: str
    body: bytes


def message_of(recorded: RecordedEvent) -> Message | None:
    """None for an event of a kind that this version does not know."""
    event = recorded.event
    kind = EVENT_TYPES.get(type(event))
    if kind is None:
        return None
    return _message(event.id, kind, event.occurred_at, event_members(recorded, recorded.cursor))


def message_of_test(message_id: UUID, now: datetime) -> Message:
    """Says nothing but that deliveries arrive."""
    return _message(message_id, TEST_TYPE, now, {})


def _message(message_id: UUID, kind: str, time: datetime, data: Mapping[str, object]) -> Message:
    body = to_json({"type": kind, "timestamp": time, "data": data})
    return Message(id=message_id, type=kind, body=body)
