"""Events that change no connection, recorded by the writer."""

from domain.events import ProviderEvent, RecordedEvent
from infrastructure.database.store import Write
from infrastructure.persistence.writer import Writer


class WriterEventBus:
    """`EventBus`."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def publish(self, event: ProviderEvent) -> RecordedEvent:
        """As `EventBus` promises."""
        (recorded,) = await self._writer.write(Write(events=(event,)))
        return recorded
