"""The domain's ports in memory, with the rules of the real ones, and faults on demand."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

from uuid_utils.compat import uuid7

from domain.events import (
    EventCursor,
    FailureReason,
    ProviderDisconnectionAttempted,
    ProviderDisconnectionFailed,
    ProviderEvent,
    RecordedEvent,
)
from domain.identifiers import AttemptId, ConnectionId, EventId, UserId
from domain.ports import (
    Attachment,
    AttemptClosed,
    ConcurrentUpdate,
    ConnectionKey,
    EventSubscriber,
    LogReplaced,
    Page,
    StorageError,
    Window,
)
from domain.provider_connection import ConnectionStatus, ProviderConnection
from infrastructure.database.store import StoredCredential
from infrastructure.persistence.all_events import AllEventsCursor, CommittedEvent, Horizon

Action: TypeAlias = Callable[[], Awaitable[None]]
ItemT = TypeVar("ItemT")


class FakeClock:
    """Stands still until it is told to move."""

    def __init__(self, now: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


class FakeIds:
    """UUIDv7s that count up."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self) -> UUID:
        self._last += 1
        return UUID(int=(0x7 << 76) | (0b10 << 62) | self._last)


class World:
    """One database in memory, shared by the ports below.

    Every call passes named steps: `find`, `read`, and for a write its event's kind (`attempted`,
    `succeeded`, `failed`), then `<kind> recorded` once it is durable. `at` puts an action there.
    Writes queue up, and one that has begun is finished even when nobody awaits it any more.
    """

    def __init__(self) -> None:
        self.connections: dict[ConnectionId, ProviderConnection] = {}
        self.logs: defaultdict[UserId, list[RecordedEvent]] = defaultdict(list)
        self.recorded: list[RecordedEvent] = []
        """The events of all logs, in the order of their commits."""
        self.open_attempts: set[AttemptId] = set()
        self.down = False
        self.grown = asyncio.Condition()
        self.on_recorded: Callable[[RecordedEvent], None] = lambda _: None
        self._actions: defaultdict[str, list[Action]] = defaultdict(list)
        self._released = asyncio.Event()
        self._writing = asyncio.Lock()
        self._writes: set[asyncio.Task[RecordedEvent]] = set()

    def add(self, *connections: ProviderConnection) -> None:
        """Connections that are there already."""
        self.connections.update({connection.id: connection for connection in connections})

    def at(self, step: str, *actions: Action) -> None:
        """The next passes of `step` run these, one each."""
        self._actions[step].extend(actions)

    async def fail(self) -> None:
        """An action: the database doesn't take it."""
        raise StorageError

    async def hang(self) -> None:
        """An action: nothing happens until `heal`."""
        await self._released.wait()

    async def hang_and_fail(self) -> None:
        """An action: nothing happens until `heal`, and the write is lost then."""
        await self._released.wait()
        raise StorageError

    async def heal(self) -> None:
        """Ends every fault, and waits until the writes that hung are done."""
        self.down = False
        self._actions.clear()
        self._released.set()
        await asyncio.gather(*self._writes, return_exceptions=True)

    async def passed(self, step: str) -> None:
        """A port passes a step."""
        actions = self._actions[step]
        if actions:
            await actions.pop(0)()
        if self.down:
            raise StorageError

    async def write(
        self, event: ProviderEvent, connection: ProviderConnection | None = None
    ) -> RecordedEvent:
        """Survives the cancellation of its caller, like a transaction that has begun."""
        task = asyncio.create_task(self._write(event, connection))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return await asyncio.shield(task)

    async def close(self, attempt_id: AttemptId, reason: FailureReason) -> bool:
        """Ends an attempt behind all that was written before; whether it was open."""
        logs = self.logs.values()
        async with self._writing:
            begun = [r.event for log in logs for r in log if r.event.attempt_id == attempt_id]
        if attempt_id not in self.open_attempts:
            return False
        failed = ProviderDisconnectionFailed(
            id=EventId(uuid7()),
            occurred_at=begun[0].occurred_at,
            user_id=begun[0].user_id,
            connection_id=begun[0].connection_id,
            attempt_id=attempt_id,
            provider=begun[0].provider,
            reason=reason,
        )
        with contextlib.suppress(AttemptClosed):
            await self.write(failed)
        return True

    async def _write(
        self, event: ProviderEvent, connection: ProviderConnection | None
    ) -> RecordedEvent:
        kind = type(event).__name__.removeprefix("ProviderDisconnection").lower()
        async with self._writing:
            await self.passed(kind)
            self._check(event, connection)
            if isinstance(event, ProviderDisconnectionAttempted):
                self.open_attempts.add(event.attempt_id)
            else:
                self.open_attempts.remove(event.attempt_id)
            if connection is not None:
                self._change(self.connections[connection.id], connection)
            log = self.logs[event.user_id]
            recorded = RecordedEvent(
                event=event,
                position=len(log) + 1,
                previous_id=log[-1].event.id if log else None,
            )
            log.append(recorded)
            self.recorded.append(recorded)
            self.on_recorded(recorded)
        async with self.grown:
            self.grown.notify_all()
        await self.passed(f"{kind} recorded")
        return recorded

    def _change(self, stored: ProviderConnection, new: ProviderConnection) -> None:
        if new.credentials is not None and new.credentials.encrypted_data is None:
            new = replace(new, credentials=stored.credentials)
        if new != stored:
            self.connections[new.id] = replace(new, version=new.version + 1)

    def _check(self, event: ProviderEvent, connection: ProviderConnection | None) -> None:
        opens = isinstance(event, ProviderDisconnectionAttempted)
        recorded = [recorded.event for recorded in self.recorded]
        if any(e.id == event.id or (opens and e.attempt_id == event.attempt_id) for e in recorded):
            raise StorageError
        if not opens and event.attempt_id not in self.open_attempts:
            raise AttemptClosed
        if connection is not None:
            stored = self.connections.get(connection.id)
            if stored is None or stored.version != connection.version:
                raise ConcurrentUpdate


class InMemoryProviderConnectionRepository:
    """`ProviderConnectionRepository`, `ConnectionList` and `ConnectionSecrets`."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def find_by_id(self, connection_id: ConnectionId) -> ProviderConnection | None:
        found = await self.find_with_credentials(connection_id)
        return as_read(found) if found else None

    async def find_with_credentials(self, connection_id: ConnectionId) -> ProviderConnection | None:
        await self._world.passed("find")
        return self._world.connections.get(connection_id)

    async def find_by_user_id(self, user_id: UserId) -> Sequence[ProviderConnection]:
        await self._world.passed("find")
        own = (c for c in self._world.connections.values() if c.user_id == user_id)
        return [as_read(connection) for connection in sorted(own, key=_key)]

    async def save(self, connection: ProviderConnection, event: ProviderEvent) -> RecordedEvent:
        return await self._world.write(event, connection)

    async def page(
        self,
        user_id: UserId,
        window: Window[ConnectionKey],
        statuses: frozenset[ConnectionStatus] | None = None,
    ) -> Page[ProviderConnection]:
        own = await self.find_by_user_id(user_id)
        return _page([c for c in own if statuses is None or c.status in statuses], _key, window)


class InMemoryStoredCredentials:
    """`StoredCredentials`; `replace` is a step of its world."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def count(self) -> int:
        return len(self._all())

    async def page(self, after: UUID | None, limit: int) -> Sequence[StoredCredential]:
        return [item for item in self._all() if after is None or item.connection_id > after][:limit]

    async def replace(self, changed: Sequence[StoredCredential]) -> int:
        await self._world.passed("replace")
        replaced = 0
        for new in changed:
            row = self._world.connections.get(new.connection_id)
            if row is None or row.version != new.version or row.credentials is None:
                continue
            credentials = replace(row.credentials, encrypted_data=new.encrypted_data)
            self._world.add(replace(row, credentials=credentials, version=row.version + 1))
            replaced += 1
        return replaced

    def _all(self) -> list[StoredCredential]:
        return [
            StoredCredential(
                connection_id=row.id,
                version=row.version,
                encrypted_data=row.credentials.encrypted_data,
            )
            for row in sorted(self._world.connections.values(), key=lambda row: row.id)
            if row.credentials is not None and row.credentials.encrypted_data is not None
        ]


class InMemoryEventBus:
    """`EventBus`."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def publish(self, event: ProviderEvent) -> RecordedEvent:
        return await self._world.write(event)


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
        self, user_id: UserId, window: Window[int], connection_id: ConnectionId | None = None
    ) -> Page[RecordedEvent]:
        log = await self._log(user_id)
        wanted = [r for r in log if connection_id in (None, r.event.connection_id)]
        return _page(wanted, lambda recorded: recorded.position, window)

    async def head(self, user_id: UserId) -> EventCursor:
        log = await self._log(user_id)
        return log[-1].cursor if log else EventCursor.start(user_id)

    async def holds(self, cursor: EventCursor) -> bool:
        return _holds(await self._log(cursor.user_id), cursor)

    async def find(self, user_id: UserId, event_id: EventId) -> RecordedEvent | None:
        log = await self._log(user_id)
        return next((recorded for recorded in log if recorded.event.id == event_id), None)

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


class InMemoryEventFeed:
    """`EventFeed`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def attach(self, after: EventCursor, subscriber: EventSubscriber) -> Attachment:
        return InMemoryAttachment(self, after, subscriber)

    async def pages(self, user_id: UserId, after: int) -> AsyncIterator[Sequence[RecordedEvent]]:
        """What comes after a position, waiting for it."""
        log = self._world.logs[user_id]
        while True:
            async with self._world.grown:
                await self._world.grown.wait_for(lambda: len(log) > after)  # noqa: B023 (awaited here)
                page = log[after:]
            await self._world.passed("read")
            yield page
            after += len(page)


class InMemoryAttachment:
    """`Attachment`: a task that follows."""

    def __init__(
        self, feed: InMemoryEventFeed, after: EventCursor, subscriber: EventSubscriber
    ) -> None:
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._task = asyncio.create_task(self._run(feed, after, subscriber))

    async def _run(
        self, feed: InMemoryEventFeed, after: EventCursor, subscriber: EventSubscriber
    ) -> None:
        try:
            async for page in feed.pages(after.user_id, after.position):
                if not subscriber.deliver(page):
                    self._wanted.clear()
                    await self._wanted.wait()
        except StorageError:
            subscriber.lost()

    def resume(self) -> None:
        self._wanted.set()

    def detach(self) -> None:
        self._task.cancel()


def _holds(log: Sequence[RecordedEvent], cursor: EventCursor) -> bool:
    if cursor.position == 0:
        return True
    return cursor.position <= len(log) and log[cursor.position - 1].cursor == cursor


def as_read(connection: ProviderConnection) -> ProviderConnection:
    """Without the ciphertext, which stays in the database."""
    if connection.credentials is None:
        return connection
    return replace(connection, credentials=replace(connection.credentials, encrypted_data=None))


def _key(connection: ProviderConnection) -> ConnectionKey:
    return ConnectionKey(connection.created_at, connection.id)


def _page(items: Sequence[ItemT], key: Callable[[ItemT], Any], window: Window[Any]) -> Page[ItemT]:
    start = 0 if window.after is None else sum(key(item) <= window.after for item in items)
    end = len(items) if window.before is None else sum(key(item) < window.before for item in items)
    end = max(start, end)
    if window.backwards:
        start = max(start, end - window.limit)
    else:
        end = min(end, start + window.limit)
    return Page(items=items[start:end], has_previous=start > 0, has_next=end < len(items))
