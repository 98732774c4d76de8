"""The logs of all users, read through Tortoise, for operators."""

from collections.abc import Mapping, Sequence

from tortoise import BaseDBAsyncClient

from domain.events import RecordedEvent
from domain.identifiers import EventId, UserId
from infrastructure.database.driver_errors import reading
from infrastructure.database.models import LogHeadRow, ProviderEventRow
from infrastructure.database.rows import EVENT_COLUMNS, event_of


class TortoiseAllEvents:
    """`AllEvents`."""

    def __init__(self, client: BaseDBAsyncClient) -> None:
        self._client = client

    async def by_time(self, after: EventId | None, limit: int) -> Sequence[RecordedEvent]:
        """See `AllEvents.by_time`."""
        rows = ProviderEventRow.all() if after is None else ProviderEventRow.filter(id__gt=after)
        with reading():
            found = await (
                rows.using_db(self._client).order_by("id").limit(limit).values_list(*EVENT_COLUMNS)
            )
        return [event_of(row) for row in found]

    async def heads(self) -> Mapping[UserId, int]:
        """See `AllEvents.heads`."""
        with reading():
            found = await LogHeadRow.all().using_db(self._client).values_list("user_id", "position")
        return dict(found)
