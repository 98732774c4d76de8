"""The ports of the event log, in memory."""

from collections.abc import Mapping, Sequence

from domain.events import (
    EventCursor,
    ProviderDisconnectionAttempted,
    ProviderEvent,
    RecordedEvent,
)
from domain.identifiers import AttemptId, BatchId, ConnectionId, EventId, UserId
from domain.ports import (
    LogReplaced,
    Page,
    PageRequest,
)
from infrastructure.persistence.all_events import AllEventsCursor, CommittedEvent, Horizon
from tests.support.fakes.paging import page_of
from tests.support.fakes.world import World


class InMemoryEventBus:
    """`EventBus`."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def publish(self, event: ProviderEvent) -> RecordedEvent:
        return await self._world.write(event)

    async def publish_all(self, events: Sequence[ProviderEvent]) -> Sequence[RecordedEvent]:
        return await self._world.write_all(events)

    async def of_attempt(self, attempt_id: AttemptId) -> Sequence[RecordedEvent]:
        await self._world.passed("read")
        return [r for r in self._world.recorded if r.event.attempt_id == attempt_id]


class InMemoryEventLog:
    """`EventLog`."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def read(self, after: EventCursor, limit: int) -> Sequence[RecordedEvent]:
        log = await self._log(after.user_id)
        if not _holds(log, after):
            raise LogReplaced
        return log[after.position : after.position + limit]

    async def page(
        self, user_id: UserId, request: PageRequest[int], connection_id: ConnectionId | None = None
    ) -> Page[RecordedEvent]:
        log = await self._log(user_id)
        wanted = [r for r in log if connection_id in (None, r.event.connection_id)]
        return page_of(wanted, lambda recorded: recorded.position, request)

    async def head(self, user_id: UserId) -> EventCursor:
        log = await self._log(user_id)
        return log[-1].cursor if log else EventCursor.start(user_id)

    async def holds(self, cursor: EventCursor) -> bool:
        return _holds(await self._log(cursor.user_id), cursor)

    async def find(self, user_id: UserId, event_id: EventId) -> RecordedEvent | None:
        log = await self._log(user_id)
        return next((recorded for recorded in log if recorded.event.id == event_id), None)

    async def of_batch(self, user_id: UserId, batch_id: BatchId) -> Sequence[RecordedEvent]:
        log = await self._log(user_id)
        begun = {
            recorded.event.attempt_id
            for recorded in log
            if isinstance(recorded.event, ProviderDisconnectionAttempted)
            and recorded.event.batch_id == batch_id
        }
        return [recorded for recorded in log if recorded.event.attempt_id in begun]

    async def moved(self, known: Sequence[EventCursor]) -> Mapping[UserId, int]:
        ends = {end: await self.head(end.user_id) for end in known}
        return {
            end.user_id: head.position if head.position > end.position else 0
            for end, head in ends.items()
            if head != end
        }

    async def open_attempts(self) -> int:
        return len(self._world.open_attempts)

    async def _log(self, user_id: UserId) -> list[RecordedEvent]:
        await self._world.passed("read")
        return self._world.logs[user_id]


class InMemoryAllEvents:
    """`AllEvents`: events in the order in which they were recorded."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def horizon(self) -> Horizon:
        await self._world.passed("read")
        count = len(self._world.recorded)
        return Horizon(settled=count + 1, begun=count + 1)

    async def read(
        self, after: AllEventsCursor | None, before: int, limit: int
    ) -> Sequence[CommittedEvent]:
        await self._world.passed("read")
        events = [
            CommittedEvent(recorded=recorded, commit_order=number)
            for number, recorded in enumerate(self._world.recorded[: before - 1], 1)
        ]
        start = 0 if after is None else after.commit_order
        if after is not None and (start > len(events) or events[start - 1].cursor != after):
            raise LogReplaced
        return events[start : start + limit]


def _holds(log: Sequence[RecordedEvent], cursor: EventCursor) -> bool:
    if cursor.position == 0:
        return True
    return cursor.position <= len(log) and log[cursor.position - 1].cursor == cursor
