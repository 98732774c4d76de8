"""The event log, read through Tortoise."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from tortoise import BaseDBAsyncClient
from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from domain.events import EventCursor, RecordedEvent
from domain.identifiers import ConnectionId, EventId, UserId
from domain.ports import Page, Window
from infrastructure.database.driver_errors import reading
from infrastructure.database.models import OpenAttemptRow, ProviderEventRow
from infrastructure.database.paging import read_page
from infrastructure.database.rows import EVENT_COLUMNS, as_uuid, event_of

_MOVED = {
    "sqlite": "SELECT known.key, coalesce(position, 0) FROM json_each(?) AS known"
    " LEFT JOIN log_heads ON user_id = known.key WHERE coalesce(position, 0) <> known.value",
    "postgres": "SELECT user_id, coalesce(head.position, 0)"
    " FROM unnest($1::uuid[], $2::int[]) AS known (user_id, position)"
    " LEFT JOIN log_heads AS head USING (user_id)"
    " WHERE coalesce(head.position, 0) <> known.position",
}
_KNOWN: dict[str, Callable[[Mapping[UserId, int]], list[Any]]] = {
    "sqlite": lambda known: [orjson.dumps({str(user): at for user, at in known.items()}).decode()],
    "postgres": lambda known: [list(known), list(known.values())],
}


class TortoiseEventLog:
    """`EventLog`."""

    def __init__(self, client: BaseDBAsyncClient) -> None:
        self._client = client

    async def read(self, user_id: UserId, after: int, limit: int) -> Sequence[RecordedEvent]:
        """See `EventLog.read`."""
        rows = self._rows(user_id).filter(position__gt=after).order_by("position").limit(limit)
        with reading():
            return [event_of(row) for row in await rows.values_list(*EVENT_COLUMNS)]

    async def page(
        self, user_id: UserId, window: Window[int], connection_id: ConnectionId | None = None
    ) -> Page[RecordedEvent]:
        """See `EventLog.page`."""
        rows = self._rows(user_id)
        if connection_id is not None:
            rows = rows.filter(connection_id=connection_id)
        with reading():
            return await read_page(
                rows,
                window,
                columns=EVENT_COLUMNS,
                order=("position",),
                compare=_compare,
                item=event_of,
            )

    async def head(self, user_id: UserId) -> EventCursor:
        """See `EventLog.head`."""
        rows = self._rows(user_id).order_by("-position").limit(1)
        with reading():
            found = await rows.values_list("position", "id")
        position, event_id = found[0] if found else (0, None)
        return EventCursor(user_id=user_id, position=position, event_id=event_id)

    async def holds(self, cursor: EventCursor) -> bool:
        """See `EventLog.holds`."""
        if cursor.position == 0:
            return True
        rows = self._rows(cursor.user_id).filter(position=cursor.position, id=cursor.event_id)
        with reading():
            return await rows.exists()

    async def find(self, user_id: UserId, event_id: EventId) -> RecordedEvent | None:
        """See `EventLog.find`."""
        with reading():
            found = await self._rows(user_id).filter(id=event_id).values_list(*EVENT_COLUMNS)
        return event_of(found[0]) if found else None

    async def moved(self, known: Mapping[UserId, int]) -> Mapping[UserId, int]:
        """Where the logs end that don't end at the positions known. Raises `StorageError`."""
        dialect = self._client.capabilities.dialect
        with reading():
            _, rows = await self._client.execute_query(_MOVED[dialect], _KNOWN[dialect](known))
        return {UserId(as_uuid(user_id)): position for user_id, position in map(tuple, rows)}

    async def open_attempts(self) -> int:
        """How many attempts have no outcome. Raises `StorageError`."""
        with reading():
            return await OpenAttemptRow.all().using_db(self._client).count()

    def _rows(self, user_id: UserId) -> QuerySet[ProviderEventRow]:
        return ProviderEventRow.filter(user_id=user_id).using_db(self._client)


def _compare(op: str, position: int) -> Q:
    bound: dict[str, Any] = {f"position__{op}": position}
    return Q(**bound)
