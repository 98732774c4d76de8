"""All users' events in one order, read through Tortoise, for operators and back ends."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from tortoise import BaseDBAsyncClient
from tortoise.expressions import Q

from domain.events import EventCursor, RecordedEvent
from domain.ports import LogReplaced, StorageError
from infrastructure.database.driver_errors import reading
from infrastructure.database.rows.events import EVENT_COLUMNS, event_of
from infrastructure.database.rows.models import ProviderEventRow
from infrastructure.persistence.event_log import is_held

_HORIZON = {
    "sqlite": "SELECT coalesce(max(commit_order), 0) + 1 AS settled,"
    " coalesce(max(commit_order), 0) + 1 AS begun FROM provider_events",
    # Without a base of this server nothing has been committed since the events were moved to it.
    "postgres": "SELECT"
    " coalesce(base + pg_snapshot_xmin(now)::text::bigint, last + 1) AS settled,"
    " coalesce(base + pg_snapshot_xmax(now)::text::bigint, last + 1) AS begun"
    " FROM pg_current_snapshot() AS now, pg_control_system() AS system"
    " CROSS JOIN (SELECT coalesce(max(commit_order), 0) AS last FROM provider_events) AS events"
    " LEFT JOIN commit_order_base USING (system_identifier)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AllEventsCursor:
    """A place in the order of all users' events: after one of them."""

    commit_order: int
    event: EventCursor

    def encode(self) -> str:
        """Opaque URL-safe text of 67 characters: a kind byte and the order, and a user's cursor."""
        return base64.urlsafe_b64encode(_KIND + self.commit_order.to_bytes(8, "big")).decode() + (
            self.event.encode()
        )

    @classmethod
    def decode(cls, text: str) -> "AllEventsCursor | None":
        """None when `text` is not a cursor of all users' events."""
        try:
            raw = base64.b64decode(text[:_ORDER], altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        event = EventCursor.decode(text[_ORDER:])
        if raw[:1] != _KIND or event is None or event.position == 0:
            return None
        cursor = cls(commit_order=int.from_bytes(raw[1:], "big"), event=event)
        return cursor if cursor.encode() == text else None


_KIND = b"a"
_ORDER = 12
"""Characters of kind and order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedEvent:
    """An event and its place among all users' events."""

    recorded: RecordedEvent
    commit_order: int

    @property
    def cursor(self) -> AllEventsCursor:
        """Resuming from it gives every later event."""
        return AllEventsCursor(commit_order=self.commit_order, event=self.recorded.cursor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """How far the order can be read now.

    Below `settled`, no more events can appear. Everything that is committed now is below `begun`;
    transactions between the two may still be running.
    """

    settled: int
    begun: int


class TortoiseAllEvents:
    """`AllEvents`."""

    def __init__(self, client: BaseDBAsyncClient) -> None:
        self._client = client

    async def horizon(self) -> Horizon:
        with reading():
            sql = _HORIZON[self._client.capabilities.dialect]
            found = await self._client.execute_query_dict(sql)
        return Horizon(**found[0])

    async def read(
        self, after: AllEventsCursor | None, before: int, limit: int
    ) -> Sequence[CommittedEvent]:
        """See `AllEvents.read`. The event at the cursor comes with the page, in one query."""
        rows = ProviderEventRow.filter(commit_order__lt=before).using_db(self._client)
        if after is not None:
            rows = rows.filter(_from(after))
        rows = rows.order_by("commit_order", "user_id", "position").limit(limit + 1)
        with reading():
            found = await rows.values_list(*EVENT_COLUMNS, "commit_order")
        events = [
            CommittedEvent(recorded=event_of(row[:-1]), commit_order=row[-1]) for row in found
        ]
        if after is None:
            return events[:limit]
        if not events or events[0].cursor != after:
            held = await is_held(self._client, after.event, after.commit_order)
            raise StorageError if held else LogReplaced
        return events[1:]


def _from(cursor: AllEventsCursor) -> Q:
    """The cursor's event and all that follow it; the first condition is for the index."""
    order, user_id = cursor.commit_order, cursor.event.user_id
    return Q(commit_order__gte=order) & (
        Q(commit_order__gt=order)
        | Q(user_id__gt=user_id)
        | Q(user_id=user_id, position__gte=cursor.event.position)
    )
