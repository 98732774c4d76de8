"""Disconnect a provider: the command, its errors and its handler."""

import asyncio
import contextlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from domain.events import (
    FailureReason,
    ProviderDisconnectionAttempted,
    ProviderDisconnectionFailed,
    ProviderDisconnectionSucceeded,
    ProviderRef,
    RecordedEvent,
)
from domain.identifiers import AttemptId, ConnectionId, EventId, UserId
from domain.ports import (
    AttemptClosed,
    ConcurrentUpdate,
    EventBus,
    NewId,
    Now,
    ProviderConnectionRepository,
    StorageError,
)
from domain.provider_connection import ProviderConnection
from domain.result import Failure, Result, Success

DEADLINE = 10.0
"""Seconds until a command is answered, whatever the database does."""

ABANDONED_AFTER = 30.0
"""Seconds after which any node closes an attempt without an outcome as `INTERRUPTED`."""

CLOSING_GRACE = 1.0
RETRY_DELAY = 0.5
SAVE_TRIES = 5


class DisconnectProviderError(StrEnum):
    """Why a provider was not disconnected."""

    CONNECTION_NOT_FOUND = "Connection not found"
    NOT_OWNED_BY_USER = "Connection not owned by user"
    DATABASE_ERROR = "Database error occurred"


@dataclass(frozen=True, slots=True, kw_only=True)
class DisconnectProvider:
    """A user asks to disconnect a connection. `attempt_id` is a UUIDv7 that the caller makes."""

    user_id: UserId
    connection_id: ConnectionId
    attempt_id: AttemptId


@dataclass(frozen=True, slots=True, kw_only=True)
class DisconnectedProvider:
    """The connection as it is now, and its recorded `Succeeded`."""

    connection: ProviderConnection
    recorded: RecordedEvent


Outcome: TypeAlias = Result[DisconnectedProvider, DisconnectProviderError]


class DisconnectProviderHandler:
    """Runs the command.

    1. Find the connection.
    2. Record `Attempted`, durable before anything changes.
    3. Missing, or somebody else's: record `Failed`.
    4. Mark it disconnected: credentials gone, row kept.
    5. Save it together with `Succeeded`; if somebody changed it meanwhile, read again and redo 4.
    6. A database error is a `Failure`, and recorded once `Attempted` is durable.

    What became of a commit that broke is for the adapters to find out (they read back): a port
    that raises `StorageError` has written nothing.
    """

    def __init__(
        self,
        connection_repo: ProviderConnectionRepository,
        event_bus: EventBus,
        *,
        now: Now,
        new_id: NewId,
        deadline: float = DEADLINE,
    ) -> None:
        self._connections = connection_repo
        self._events = event_bus
        self._now = now
        self._new_id = new_id
        self._deadline = deadline
        self._closing: set[asyncio.Task[None]] = set()

    async def handle(self, command: DisconnectProvider) -> Outcome:
        """Answers within the deadline. Expected outcomes are returned, never raised."""
        attempt = _Attempt(command, None, self._now, self._new_id)
        answer_by = asyncio.get_running_loop().time() + self._deadline
        attempted = False
        try:
            async with asyncio.timeout_at(answer_by):
                connection = await self._connections.find_by_id(command.connection_id)
                attempt = attempt.on(connection)
                await self._events.publish(attempt.attempted())
                attempted = True
                return await self._disconnect(attempt, connection)
        except AttemptClosed:
            # Another node took this one for dead and closed the attempt: its word stands.
            return attempt.failure(DisconnectProviderError.DATABASE_ERROR)
        except StorageError:
            if not attempted:
                return Failure(error=DisconnectProviderError.DATABASE_ERROR)
        except TimeoutError:
            # Whether a write became durable is open. This Failed waits behind it in the same
            # queue, and is dropped there if the attempt was never opened, or is closed already.
            pass
        await self._close(attempt, answer_by)
        if not attempted:
            return Failure(error=DisconnectProviderError.DATABASE_ERROR)
        return attempt.failure(DisconnectProviderError.DATABASE_ERROR)

    async def aclose(self) -> None:
        """Stops trying to record failures that the database has not taken; a sweep closes those."""
        for task in tuple(self._closing):
            task.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)

    async def _disconnect(
        self, attempt: "_Attempt", connection: ProviderConnection | None
    ) -> Outcome:
        for _ in range(SAVE_TRIES):
            if connection is None:
                return await self._refuse(attempt, DisconnectProviderError.CONNECTION_NOT_FOUND)
            if not attempt.owns(connection):
                return await self._refuse(attempt, DisconnectProviderError.NOT_OWNED_BY_USER)
            disconnected = connection.mark_disconnected(self._now())
            try:
                recorded = await self._connections.save(disconnected, attempt.succeeded())
            except ConcurrentUpdate:
                connection = await self._connections.find_by_id(connection.id)
            else:
                return Success(
                    value=DisconnectedProvider(connection=disconnected, recorded=recorded)
                )
        raise StorageError

    async def _refuse(self, attempt: "_Attempt", error: DisconnectProviderError) -> Outcome:
        await self._events.publish(attempt.failed(error))
        return attempt.failure(error)

    async def _close(self, attempt: "_Attempt", answer_by: float) -> None:
        """Records `Failed` as soon as the database takes it, and waits for that only briefly."""
        failed = attempt.failed(DisconnectProviderError.DATABASE_ERROR)
        task = asyncio.create_task(self._publish_until_abandoned(failed))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        remaining = answer_by - asyncio.get_running_loop().time()
        await asyncio.wait({task}, timeout=max(0.0, min(remaining, CLOSING_GRACE)))

    async def _publish_until_abandoned(self, failed: ProviderDisconnectionFailed) -> None:
        with contextlib.suppress(AttemptClosed, TimeoutError):
            async with asyncio.timeout(ABANDONED_AFTER):
                while True:
                    with contextlib.suppress(StorageError):
                        await self._events.publish(failed)
                        return
                    await asyncio.sleep(RETRY_DELAY)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One run of the command, and the events and failures that it may have.

    `provider` is filled in only when the connection is the caller's own: an audit record holds no
    invented ids, and nobody learns what others are connected to.
    """

    command: DisconnectProvider
    provider: ProviderRef | None
    now: Now
    new_id: NewId

    def owns(self, connection: ProviderConnection) -> bool:
        return connection.user_id == self.command.user_id

    def on(self, connection: ProviderConnection | None) -> "_Attempt":
        if connection is None or not self.owns(connection):
            return self
        provider = ProviderRef(id=connection.provider_id, slug=connection.provider_slug)
        return _Attempt(self.command, provider, self.now, self.new_id)

    def attempted(self) -> ProviderDisconnectionAttempted:
        return ProviderDisconnectionAttempted(
            id=EventId(self.new_id()),
            occurred_at=self.now(),
            user_id=self.command.user_id,
            connection_id=self.command.connection_id,
            attempt_id=self.command.attempt_id,
            provider=self.provider,
        )

    def succeeded(self) -> ProviderDisconnectionSucceeded:
        return ProviderDisconnectionSucceeded(
            id=EventId(self.new_id()),
            occurred_at=self.now(),
            user_id=self.command.user_id,
            connection_id=self.command.connection_id,
            attempt_id=self.command.attempt_id,
            provider=self.provider,
        )

    def failed(self, error: DisconnectProviderError) -> ProviderDisconnectionFailed:
        return ProviderDisconnectionFailed(
            id=EventId(self.new_id()),
            occurred_at=self.now(),
            user_id=self.command.user_id,
            connection_id=self.command.connection_id,
            attempt_id=self.command.attempt_id,
            provider=self.provider,
            reason=FailureReason[error.name],
        )

    def failure(self, error: DisconnectProviderError) -> Failure[DisconnectProviderError]:
        return Failure(error=error, attempt_id=self.command.attempt_id)
