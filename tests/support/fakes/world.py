"""A database in memory, with the rules of the real ones, and faults on demand."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeAlias
from uuid import UUID

from uuid_utils.compat import uuid7

from domain.events import (
    FailureReason,
    ProviderConnected,
    ProviderDisconnectionAttempted,
    ProviderDisconnectionFailed,
    ProviderDisconnectionSucceeded,
    ProviderEvent,
    ProviderTokenRevocationAttempted,
    RecordedEvent,
)
from domain.identifiers import AttemptId, ConnectionId, EventId, UserId
from domain.ports import (
    AttemptClosed,
    AttemptRecorded,
    ConcurrentUpdate,
    StorageError,
)
from domain.provider_connection import ConnectionStatus, ProviderConnection, ProviderCredentials
from infrastructure.database.members import Write, account_of
from tests.support.fakes.revocations import Revocations

Action: TypeAlias = Callable[[], Awaitable[None]]


class World:
    """One database in memory, shared by the ports below.

    Every call passes named steps: `find`, `read`, and for a write its event's kind (`attempted`,
    `succeeded`, `failed`), then `<kind> recorded` once it is durable. `at` puts an action there.
    Writes queue up, and one that has begun is finished even when no caller awaits it any more.
    """

    def __init__(self) -> None:
        self.connections: dict[ConnectionId, ProviderConnection] = {}
        self.logs: defaultdict[UserId, list[RecordedEvent]] = defaultdict(list)
        self.recorded: list[RecordedEvent] = []
        """The events of all logs, in the order of their commits."""
        self.open_attempts: set[AttemptId] = set()
        self.revocations = Revocations()
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

    def insert(self, *connections: ProviderConnection) -> None:
        """Connections from elsewhere, but for those whose id or account is there already."""
        for connection in connections:
            if connection.id not in self.connections and not self._is_connected(connection):
                self.connections[connection.id] = connection

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
        self,
        event: ProviderEvent,
        connection: ProviderConnection | None = None,
        *,
        is_new: bool = False,
        revocation: ProviderTokenRevocationAttempted | None = None,
    ) -> RecordedEvent:
        """Survives the cancellation of its caller, like a transaction that has begun."""
        task = asyncio.create_task(
            self._write(event, connection, is_new=is_new, revocation=revocation)
        )
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return await asyncio.shield(task)

    async def write_all(self, events: Sequence[ProviderEvent]) -> list[RecordedEvent]:
        """All of them or none, as one step."""
        async with self._writing:
            await self.passed("all")
            for event in events:
                self._check(event, None, is_new=False)
            recorded = [self._record(event) for event in events]
        async with self.grown:
            self.grown.notify_all()
        await self.passed("all recorded")
        return recorded

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

    async def change(self, connection: ProviderConnection) -> None:
        """A write without an event."""
        async with self._writing:
            await self.passed("update")
            self._check_version(connection)
            self._store(connection)

    async def revoke_late(
        self, credentials: ProviderCredentials, revocation: ProviderTokenRevocationAttempted
    ) -> bool:
        """Whether the attempt has begun."""
        async with self._writing:
            await self.passed("revoke late")
            stored = self.connections[revocation.connection_id]
            begun = self.revocations.begin(revocation, stored, credentials.encrypted_data)
            if begun:
                self._record(revocation)
        return begun

    async def settle(self, event: ProviderEvent, lease: UUID) -> RecordedEvent:
        """The outcome of a revocation, on condition of its lease."""
        async with self._writing:
            await self.passed("settle")
            self.revocations.end(event, lease, self.connections[event.connection_id])
            return self._record(event)

    async def _write(
        self,
        event: ProviderEvent,
        connection: ProviderConnection | None,
        *,
        is_new: bool,
        revocation: ProviderTokenRevocationAttempted | None = None,
    ) -> RecordedEvent:
        name = type(event).__name__
        kind = name.removeprefix("ProviderDisconnection").removeprefix("Provider").lower()
        async with self._writing:
            await self.passed(kind)
            self._check(event, connection, is_new=is_new)
            stored = None if connection is None else self.connections.get(connection.id)
            if is_new and connection is not None:
                self.connections[connection.id] = connection
            elif connection is not None:
                self._store(connection)
            recorded = self._record(event)
            if stored and connection and revocation:
                replaces = connection.status is not DISCONNECTED
                if self.revocations.begin(revocation, stored, replaces=replaces):
                    self._record(revocation)
        async with self.grown:
            self.grown.notify_all()
        await self.passed(f"{kind} recorded")
        return recorded

    def _record(self, event: ProviderEvent) -> RecordedEvent:
        if isinstance(event, ProviderDisconnectionAttempted):
            self.open_attempts.add(_known(event))
        elif isinstance(event, CLOSING):
            self.open_attempts.remove(_known(event))
        log = self.logs[event.user_id]
        recorded = RecordedEvent(
            event=event, position=len(log) + 1, previous_id=log[-1].event.id if log else None
        )
        log.append(recorded)
        self.recorded.append(recorded)
        self.on_recorded(recorded)
        return recorded

    def _check(
        self, event: ProviderEvent, connection: ProviderConnection | None, *, is_new: bool
    ) -> None:
        recorded = [recorded.event for recorded in self.recorded]
        begun = {e.attempt_id for e in recorded if isinstance(e, BEGINNING)}
        if isinstance(event, BEGINNING) and event.attempt_id in begun:
            raise AttemptRecorded if Write(events=(event,)).repeatable else StorageError
        if any(e.id == event.id for e in recorded):
            raise StorageError
        if isinstance(event, CLOSING) and event.attempt_id not in self.open_attempts:
            raise AttemptClosed
        if connection is not None and is_new:
            if self._is_connected(connection):
                raise ConcurrentUpdate
        elif connection is not None:
            self._check_version(connection)

    def _is_connected(self, connection: ProviderConnection) -> bool:
        account = account_of(connection)
        current = [c for c in self.connections.values() if c.status is not DISCONNECTED]
        return account is not None and account in map(account_of, current)

    def _check_version(self, connection: ProviderConnection) -> None:
        stored = self.connections.get(connection.id)
        if stored is None or stored.version != connection.version:
            raise ConcurrentUpdate
        if stored.status is DISCONNECTED and connection != stored:
            raise ConcurrentUpdate

    def _store(self, connection: ProviderConnection) -> None:
        stored = self.connections[connection.id]
        if connection.credentials is not None and connection.credentials.encrypted_data is None:
            connection = replace(connection, credentials=stored.credentials)
        if connection != stored:
            self.connections[connection.id] = replace(connection, version=connection.version + 1)


DISCONNECTED = ConnectionStatus.DISCONNECTED
BEGINNING = (ProviderConnected, ProviderDisconnectionAttempted)
CLOSING = (ProviderDisconnectionSucceeded, ProviderDisconnectionFailed)


def _known(event: ProviderEvent) -> AttemptId:
    assert event.attempt_id is not None
    return event.attempt_id
