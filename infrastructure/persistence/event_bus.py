"""Events that change no connection, recorded by the writer."""

from collections.abc import Sequence

from tortoise import BaseDBAsyncClient

from domain.events import ProviderEvent, RecordedEvent
from domain.identifiers import AttemptId
from infrastructure.database.driver_errors import reading
from infrastructure.database.members import Write
from infrastructure.database.rows.events import EVENT_COLUMNS, event_of
from infrastructure.database.rows.models import ProviderEventRow
from infrastructure.persistence.writer import Writer


class WriterEventBus:
    """`EventBus`."""

    def __init__(self, client: BaseDBAsyncClient, writer: Writer) -> None:
        self._client = client
        self._writer = writer

    async def publish(self, event: ProviderEvent) -> RecordedEvent:
        (recorded,) = await self._writer.write(Write(events=(event,)))
        return recorded

    async def publish_all(self, events: Sequence[ProviderEvent]) -> Sequence[RecordedEvent]:
        return await self._writer.write(Write(events=tuple(events)))

    async def of_attempt(self, attempt_id: AttemptId) -> Sequence[RecordedEvent]:
        rows = ProviderEventRow.filter(attempt_id=attempt_id).using_db(self._client)
        with reading():
            found = await rows.order_by("position").values_list(*EVENT_COLUMNS)
        return [event_of(row) for row in found]
