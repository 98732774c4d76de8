"""Events for tests of the feed, and a log that tests hold up and break."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from domain.events import EventCursor, ProviderDisconnectionAttempted, RecordedEvent
from domain.identifiers import ConnectionId, EventId, UserId
from domain.ports import LogReplaced, Page, PageRequest, StorageError
from tests.support.ids import a_connection, an_attempt, an_event


def recorded(
    user_id: UserId, position: int, previous: RecordedEvent | None = None
) -> RecordedEvent:
    """A new event."""
    event = ProviderDisconnectionAttempted(
        id=an_event(),
        occurred_at=datetime.now(UTC),
        user_id=user_id,
        connection_id=a_connection(7),
        attempt_id=an_attempt(),
        provider=None,
    )
    previous_id = previous.event.id if previous else None
    return RecordedEvent(event=event, position=position, previous_id=previous_id)


class GrowingLog:
    """An `EventLog` whose events come from the test, and that counts its reads.

    `open` is cleared to hold reads up after they have taken their snapshot.
    """

    def __init__(self) -> None:
        self.events: dict[UUID, list[RecordedEvent]] = {}
        self.reads = 0
        self.broken = False
        self.open = asyncio.Event()
        self.open.set()
        self.reading = asyncio.Event()

    def grow(self, user_id: UserId, by: int = 1) -> list[RecordedEvent]:
        log = self.events.setdefault(user_id, [])
        for _ in range(by):
            log.append(recorded(user_id, len(log) + 1, log[-1] if log else None))
        return log[len(log) - by :]

    def cursor(self, user_id: UserId, position: int) -> EventCursor:
        """Just behind the event there, or the start."""
        log = self.events.get(user_id, [])
        return log[position - 1].cursor if position else EventCursor.start(user_id)

    def replace(self, user_id: UserId, kept: int, grown: int) -> list[RecordedEvent]:
        """Restores the log as it was at a position, and lets it grow from there."""
        del self.events[user_id][kept:]
        return self.grow(user_id, grown)

    async def read(self, after: EventCursor, limit: int) -> Sequence[RecordedEvent]:
        self.reads += 1
        if self.broken:
            raise StorageError
        log = self.events.get(after.user_id, [])
        if after.position > len(log) or self.cursor(after.user_id, after.position) != after:
            raise LogReplaced
        snapshot = log[after.position : after.position + limit]
        self.reading.set()
        await self.open.wait()
        return snapshot

    async def page(
        self, user_id: UserId, request: PageRequest[int], connection_id: ConnectionId | None = None
    ) -> Page[RecordedEvent]:
        raise NotImplementedError

    async def head(self, user_id: UserId) -> EventCursor:
        raise NotImplementedError

    async def holds(self, cursor: EventCursor) -> bool:
        raise NotImplementedError

    async def find(self, user_id: UserId, event_id: EventId) -> RecordedEvent | None:
        raise NotImplementedError
