"""The event log, read through Tortoise."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
import structlog
from tortoise import BaseDBAsyncClient
from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from domain.events import EventCursor, RecordedEvent
from domain.identifiers import BatchId, ConnectionId, EventId, UserId
from domain.ports import LogReplaced, Page, PageRequest, StorageError
from infrastructure.database.driver_errors import reading
from infrastructure.database.paging import Listing, read_page
from infrastructure.database.rows.events import EVENT_COLUMNS, event_of
from infrastructure.database.rows.models import OpenAttemptRow, ProviderEventRow
from infrastructure.database.rows.values import as_uuid
from infrastructure.persistence.lookups import HeadLookup

log = structlog.get_logger(__name__)

_MOVED = {
    "sqlite": "SELECT known.value ->> 0,"
    " CASE WHEN position > known.value ->> 1 THEN position ELSE 0 END"
    " FROM json_each(?) AS known LEFT JOIN log_heads ON user_id = known.value ->> 0"
    " WHERE event_id IS NOT known.value ->> 2",
    "postgres": "SELECT known.user_id,"
    " CASE WHEN h.position > known.position THEN h.position ELSE 0 END"
    " FROM unnest($1::uuid[], $2::int[], $3::uuid[]) AS known (user_id, position, event_id)"
    " LEFT JOIN log_heads AS h ON h.user_id = known.user_id"
    " WHERE h.event_id IS DISTINCT FROM known.event_id"
    # A standby may only be behind.
    " AND (h.position > known.position OR NOT pg_is_in_recovery())",
}
_KNOWN: dict[str, Callable[[Sequence[EventCursor]], list[Any]]] = {
    "sqlite": lambda known: [orjson.dumps([_parts(end) for end in known], default=str).decode()],
    "postgres": lambda known: list(zip(*map(_parts, known), strict=True)) or [(), (), ()],
}
_HELD = {
    "sqlite": "SELECT count(*), 0 FROM provider_events"
    " WHERE user_id = ? AND position = ? AND id = ? AND commit_order = coalesce(?, commit_order)",
    "postgres": "SELECT count(*), pg_is_in_recovery() FROM provider_events"
    " WHERE user_id = $1 AND position = $2 AND id = $3"
    " AND commit_order = coalesce($4::bigint, commit_order)",
}
_COLUMNS = ", ".join(EVENT_COLUMNS)
_IN_BATCH = "FROM provider_events WHERE user_id = {user} AND batch_id = {batch}"
_ENDED = (
    "FROM provider_events WHERE kind IN"
    " ('succeeded', 'failed', 'revocation_succeeded', 'revocation_failed') AND attempt_id"
)
"""With an index of its own."""
_OF_BATCH = {
    "sqlite": f"SELECT {_COLUMNS} {_IN_BATCH} UNION ALL SELECT {_COLUMNS} {_ENDED}"
    f" IN (SELECT attempt_id {_IN_BATCH}) ORDER BY position".format(user="?1", batch="?2"),
    # As a join, its cost would be estimated from statistics that know nothing of new batches.
    "postgres": f"SELECT {_COLUMNS} {_IN_BATCH} UNION ALL SELECT {_COLUMNS} {_ENDED}"
    f" = ANY (ARRAY(SELECT attempt_id {_IN_BATCH})) ORDER BY position".format(
        user="$1", batch="$2"
    ),
}


class TortoiseEventLog:
    """`EventLog` and `BatchLog`."""

    def __init__(self, client: BaseDBAsyncClient) -> None:
        self._client = client
        self._heads = HeadLookup(client)

    async def read(self, after: EventCursor, limit: int) -> Sequence[RecordedEvent]:
        """See `EventLog.read`. The event at the cursor comes with the page, in one query."""
        rows = self._rows(after.user_id).filter(position__gte=after.position)
        columns = rows.order_by("position").limit(limit + 1).values_list(*EVENT_COLUMNS)
        with reading():
            found = [event_of(row) for row in await columns]
        if after.event_id is None:
            return found[:limit]
        if not found or found[0].cursor != after:
            raise StorageError if await self.holds(after) else LogReplaced
        return found[1:]

    async def following(
        self, user_id: UserId, position: int, limit: int
    ) -> Sequence[RecordedEvent]:
        """Events after a position, of whichever history the log has. Raises `StorageError`."""
        rows = self._rows(user_id).filter(position__gt=position)
        columns = rows.order_by("position").limit(limit).values_list(*EVENT_COLUMNS)
        with reading():
            return [event_of(row) for row in await columns]

    async def page(
        self, user_id: UserId, request: PageRequest[int], connection_id: ConnectionId | None = None
    ) -> Page[RecordedEvent]:
        rows = self._rows(user_id)
        if connection_id is not None:
            rows = rows.filter(connection_id=connection_id)
        with reading():
            return await read_page(rows, request, _LISTING)

    async def head(self, user_id: UserId) -> EventCursor:
        return await self._heads.find(user_id)

    async def holds(self, cursor: EventCursor) -> bool:
        return cursor.position == 0 or await is_held(self._client, cursor)

    async def find(self, user_id: UserId, event_id: EventId) -> RecordedEvent | None:
        with reading():
            found = await self._rows(user_id).filter(id=event_id).values_list(*EVENT_COLUMNS)
        return event_of(found[0]) if found else None

    async def of_batch(self, user_id: UserId, batch_id: BatchId) -> Sequence[RecordedEvent]:
        sql = _OF_BATCH[self._client.capabilities.dialect]
        with reading():
            _, rows = await self._client.execute_query(sql, [str(user_id), str(batch_id)])
        return [event_of(tuple(row)) for row in rows]

    async def moved(self, known: Sequence[EventCursor]) -> Mapping[UserId, int]:
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


async def is_held(
    client: BaseDBAsyncClient, cursor: EventCursor, commit_order: int | None = None
) -> bool:
    """Whether the cursor's event is at its place, also in the order of all events when it is given.

    Raises `StorageError` as well when a standby lacks the event: it may only be behind, and that a
    history was replaced is for a server to say that takes writes.
    """
    dialect = client.capabilities.dialect
    values: list[Any] = [*_parts(cursor), commit_order]
    if dialect == "sqlite":
        values = [str(value) if isinstance(value, UUID) else value for value in values]
    with reading():
        _, rows = await client.execute_query(_HELD[dialect], values)
    ((held, is_standby),) = map(tuple, rows)
    if is_standby and not held:
        log.warning("standby_behind", user_id=str(cursor.user_id), position=cursor.position)
        raise StorageError
    return bool(held)


def _parts(end: EventCursor) -> tuple[UserId, int, EventId | None]:
    return end.user_id, end.position, end.event_id


def _compare(op: str, position: int) -> Q:
    bound: dict[str, Any] = {f"position__{op}": position}
    return Q(**bound)


_LISTING = Listing(columns=EVENT_COLUMNS, order=("position",), compare=_compare, item=event_of)
