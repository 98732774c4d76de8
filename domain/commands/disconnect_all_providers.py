"""Disconnect all of a user's providers: the command, its errors and its handler."""

import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import uuid5

from domain.commands.disconnect_provider import DisconnectProvider, DisconnectProviderHandler
from domain.commands.errors import DatabaseError
from domain.events import (
    EventCursor,
    Initiator,
    ProviderDisconnectionAttempted,
    ProviderDisconnectionSucceeded,
    RecordedEvent,
)
from domain.identifiers import AttemptId, BatchId, ConnectionId, UserId
from domain.ports import (
    AttemptRecorded,
    BatchLog,
    EventBus,
    NotFound,
    ProviderConnectionRepository,
    StorageError,
)
from domain.provider_connection import ConnectionStatus, ProviderConnection
from domain.result import Failure, Result, Success

Together: TypeAlias = Callable[[Iterable[Awaitable[object]]], Awaitable[None]]
"""Awaits all of it, so many pieces at a time that other users' commands don't wait behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DisconnectAllProviders:
    """Disconnect every connection that a user has. The caller makes `batch_id`.

    `expected_count` is how many connections the user was shown; None accepts any number. `note` is
    the reason, as the user will read it.
    """

    user_id: UserId
    batch_id: BatchId
    expected_count: int | None = None
    initiator: Initiator = Initiator.USER
    note: str | None = None

    def of(
        self, connection_id: ConnectionId, attempt_id: AttemptId | None = None, tries: int = 0
    ) -> DisconnectProvider:
        """One connection's command. The id of a new attempt follows from the batch, the connection
        and how often it was tried, so that the log takes each attempt once, from all nodes.
        """
        name = f"{self.user_id} {connection_id} {tries}"
        return DisconnectProvider(
            user_id=self.user_id,
            connection_id=connection_id,
            attempt_id=attempt_id or AttemptId(uuid5(self.batch_id, name)),
            initiator=self.initiator,
            batch_id=self.batch_id,
            note=self.note,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DisconnectedProviders:
    """What became of a batch's connections.

    `batch_id` is None when nothing was left to disconnect. `cursor` is behind the last event.
    """

    batch_id: BatchId | None
    disconnected: int
    failed: int
    cursor: EventCursor


@dataclass(frozen=True, slots=True)
class ConnectionCountChanged:
    """The user has another number of connections than was expected; nothing was recorded."""

    count: int


BatchOutcome: TypeAlias = Result[DisconnectedProviders, ConnectionCountChanged | DatabaseError]


class DisconnectAllProvidersHandler:
    """Runs the command.

    1. Read the user's connections, and then what the log has of the batch: a batch that is
       disconnecting them elsewhere is in the log before any of them changes.
    2. Nothing: the batch is every connection of the user that is not disconnected. None is a
       success; another number than expected is refused.
    3. Something: this is a repetition. Connections whose last attempt failed are tried again,
       unless they were connected again since.
    4. Record `Attempted` for all of them in one commit: the log has the whole batch, or nothing of
       it. When the same batch runs elsewhere and was faster, that one's attempts stand.
    5. Carry out every attempt of the batch that has no outcome, as `DisconnectProvider` does: each
       with an outcome of its own.
    6. Answer with what the log says of the batch.

    A batch that is cut off leaves attempts without an outcome. They end as `Failed`, and a
    repetition tries those connections again.
    """

    def __init__(
        self,
        disconnections: DisconnectProviderHandler,
        connection_repo: ProviderConnectionRepository,
        event_bus: EventBus,
        batch_log: BatchLog,
        together: Together,
    ) -> None:
        self._disconnections = disconnections
        self._connections = connection_repo
        self._events = event_bus
        self._log = batch_log
        self._together = together

    async def handle(self, command: DisconnectAllProviders) -> BatchOutcome:
        """Expected outcomes are returned, never raised."""
        try:
            connections = await self._connections.find_by_user_id(command.user_id)
            batch = await self._read(command)
            current = [c for c in connections if c.status is not ConnectionStatus.DISCONNECTED]
            if batch:
                current = [c for c in connections if batch.failed_before(c)]
            elif not current:
                return await self._nothing_left(command)
            elif command.expected_count not in (None, len(current)):
                return Failure(error=ConnectionCountChanged(len(current)))
            if current:
                await self._begin(command, batch, current)
                batch = await self._read(command)
            await self._carry_out(command, batch, connections)
            return Success(value=(await self._read(command)).counted(command.batch_id))
        except StorageError:
            return Failure(error=DatabaseError())

    async def _read(self, command: DisconnectAllProviders) -> "_Batch":
        return _Batch(await self._log.of_batch(command.user_id, command.batch_id))

    async def _nothing_left(self, command: DisconnectAllProviders) -> BatchOutcome:
        head = await self._log.head(command.user_id)
        return Success(
            value=DisconnectedProviders(batch_id=None, disconnected=0, failed=0, cursor=head)
        )

    async def _begin(
        self,
        command: DisconnectAllProviders,
        batch: "_Batch",
        connections: Iterable[ProviderConnection],
    ) -> None:
        attempted = [
            self._disconnections.attempted(command.of(c.id, tries=batch.tries(c.id)), c)
            for c in connections
        ]
        with contextlib.suppress(AttemptRecorded):
            await self._events.publish_all(attempted)

    async def _carry_out(
        self,
        command: DisconnectAllProviders,
        batch: "_Batch",
        connections: Iterable[ProviderConnection],
    ) -> None:
        by_id = {connection.id: connection for connection in connections}
        await self._together(
            self._disconnections.carry_out(
                command.of(event.connection_id, event.attempt_id),
                by_id.get(event.connection_id, NotFound.MISSING),
            )
            for event in batch.open()
        )


class _Batch:
    """What the log has of a batch: the attempts of each connection, and their outcomes."""

    def __init__(self, recorded: Sequence[RecordedEvent]) -> None:
        self._recorded = recorded
        self._attempts: dict[ConnectionId, list[ProviderDisconnectionAttempted]] = {}
        self._outcomes: dict[AttemptId | None, RecordedEvent] = {}
        for item in recorded:
            if isinstance(item.event, ProviderDisconnectionAttempted):
                self._attempts.setdefault(item.event.connection_id, []).append(item.event)
            else:
                self._outcomes[item.event.attempt_id] = item

    def __bool__(self) -> bool:
        return bool(self._attempts)

    def tries(self, connection_id: ConnectionId) -> int:
        return len(self._attempts.get(connection_id, ()))

    def open(self) -> list[ProviderDisconnectionAttempted]:
        """Attempts without an outcome."""
        attempts = (attempt for tries in self._attempts.values() for attempt in tries)
        return [attempt for attempt in attempts if attempt.attempt_id not in self._outcomes]

    def failed_before(self, connection: ProviderConnection) -> bool:
        """Whether its last attempt failed, and it was not connected again since."""
        if connection.id not in self._attempts:
            return False
        last = self._attempts[connection.id][-1]
        if last.attempt_id not in self._outcomes or self._has_succeeded(connection.id):
            return False
        return connection.connected_at is None or connection.connected_at <= last.occurred_at

    def counted(self, batch_id: BatchId) -> DisconnectedProviders:
        disconnected = sum(map(self._has_succeeded, self._attempts))
        return DisconnectedProviders(
            batch_id=batch_id,
            disconnected=disconnected,
            failed=len(self._attempts) - disconnected,
            cursor=self._recorded[-1].cursor,
        )

    def _has_succeeded(self, connection_id: ConnectionId) -> bool:
        ended = (self._outcomes.get(a.attempt_id) for a in self._attempts[connection_id])
        return any(o and isinstance(o.event, ProviderDisconnectionSucceeded) for o in ended)
