"""An event as `unplug events` prints it."""

import orjson

from domain.events import EventCursor, ProviderDisconnectionFailed, RecordedEvent
from infrastructure.persistence.all_events import AllEventsCursor


def json_line(recorded: RecordedEvent, cursor: EventCursor | AllEventsCursor) -> bytes:
    """One event with its true reason; `--after` with the cursor goes on behind it."""
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
    if isinstance(event, ProviderDisconnectionFailed):
        line["reason"] = event.reason.name
    line["id"] = event.id
    line["cursor"] = cursor.encode()
    # asyncpg's UUIDs are a class of their own, which orjson does not know.
    return orjson.dumps(line, default=str, option=orjson.OPT_APPEND_NEWLINE)
