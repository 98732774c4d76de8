"""An event as JSON: a line of `unplug events`, the data of a webhook."""

import orjson

from domain.events import (
    EventCursor,
    ProviderAccessLost,
    ProviderConnected,
    ProviderDisconnectionAttempted,
    ProviderDisconnectionFailed,
    ProviderEvent,
    ProviderTokenRevocationFailed,
    ProviderTokenRevocationSucceeded,
    RecordedEvent,
    UnrecognizedEvent,
)
from infrastructure.persistence.all_events import AllEventsCursor


def json_line(recorded: RecordedEvent, cursor: EventCursor | AllEventsCursor) -> bytes:
    """One event with its true reason; `--after` with the cursor goes on behind it."""
    return to_json(event_members(recorded, cursor)) + b"\n"


def to_json(value: object) -> bytes:
    """Without spaces. asyncpg's UUIDs are a class of their own, which orjson does not know."""
    return orjson.dumps(value, default=str)


def event_members(
    recorded: RecordedEvent, cursor: EventCursor | AllEventsCursor
) -> dict[str, object]:
    """All that is known of an event, credentials never among it."""
    event = recorded.event
    line: dict[str, object] = {
        "type": type(event).__name__,
        "user_id": event.user_id,
        "position": recorded.position,
        "occurred_at": event.occurred_at,
        "connection_id": event.connection_id,
        "attempt_id": event.attempt_id,
        "provider": event.provider and {"id": event.provider.id, "slug": event.provider.slug},
    }
    line |= _particulars(event)
    line["id"] = event.id
    line["cursor"] = cursor.encode()
    return line


def _particulars(event: ProviderEvent) -> dict[str, object]:
    """What only events of one type have; what may be missing is there when it is known."""
    match event:
        case ProviderConnected():
            found: dict[str, object] = {
                "created": event.created,
                "previous_connection_id": event.previous_connection_id,
            }
        case ProviderAccessLost():
            found = {"status": event.loss.name}
        case ProviderDisconnectionAttempted():
            found = {
                "initiator": event.initiator.name,
                "batch_id": event.batch_id,
                "note": event.note,
            }
        case ProviderDisconnectionFailed():
            found = {"reason": event.reason.name}
        case ProviderTokenRevocationSucceeded():
            found = {"evidence": event.evidence.name}
        case ProviderTokenRevocationFailed():
            found = {"reason": event.reason.name, "manage_url": event.manage_url}
        case UnrecognizedEvent():
            found = {"kind": event.kind}
        case _:
            found = {}
    return {name: value for name, value in found.items() if value is not None}
