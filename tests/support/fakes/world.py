"""A database in memory, with the rules of the real ones, and faults on demand."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias

from uuid_utils.compat import uuid7

from domain.events import (
    FailureReason,
    ProviderDisconnectionAttempted,
    ProviderDisconnectionFailed,
    ProviderEvent,
    RecordedEvent,
)
from domain.identifiers import AttemptId, ConnectionId, EventId, UserId
from domain.ports import (
    AttemptClosed,
    ConcurrentUpdate,
    StorageError,
)
from domain.provider_connection import ProviderConnection

Action: TypeAlias = Callable[[], Awaitable[None]]


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
