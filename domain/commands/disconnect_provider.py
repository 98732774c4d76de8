"""Disconnect a provider: the command, its errors and its handler."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias, TypeVar

from domain.events import (
    FailureReason,
    Initiator,
    ProviderDisconnectionAttempted,
    ProviderDisconnectionFailed,
    ProviderDisconnectionSucceeded,
    ProviderEvent,
    ProviderRef,
    ProviderTokenRevocationAttempted,
    RecordedEvent,
)
from domain.identifiers import AttemptId, BatchId, ConnectionId, EventId, UserId
from domain.ports import (
    AttemptClosed,
    AttemptRecorded,
    ConcurrentUpdate,
    EventBus,
    NewId,
    NotFound,
    Now,
    ProviderConnectionRepository,
    StorageError,
)
from domain.provider_connection import ProviderConnection
from domain.result import Failure, Result, Success

SAVE_TRIES = 20
"""Workers that change the connection all the time must not keep the user from disconnecting it."""

EventT = TypeVar("EventT", bound=ProviderEvent)


class DisconnectProviderError(StrEnum):
    """Why a provider was not disconnected."""

    CONNECTION_NOT_FOUND = "Connection not found"
    NOT_OWNED_BY_USER = "Connection not owned by user"
    DATABASE_ERROR = "Database error occurred"
    ATTEMPT_REUSED = "Attempt id belongs to another request"


@dataclass(frozen=True, slots=True, kw_only=True)
class DisconnectProvider:
    """Disconnect a user's connection. The caller makes `attempt_id`.

    `note` is the reason, as the user will read it.
    """

    user_id: UserId
    connection_id: ConnectionId
    attempt_id: AttemptId
    initiator: Initiator = Initiator.USER
    batch_id: BatchId | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisconnectedProvider:
    """The connection as it is now, and its recorded `Succeeded`."""

    connection: ProviderConnection
    recorded: RecordedEvent


Outcome: TypeAlias = Result[DisconnectedProvider, DisconnectProviderError]
Found: TypeAlias = ProviderConnection | NotFound

_NOT_FOUND = {
    NotFound.MISSING: DisconnectProviderError.CONNECTION_NOT_FOUND,
    NotFound.NOT_OWNED: DisconnectProviderError.NOT_OWNED_BY_USER,
}


class DisconnectProviderHandler:
    """Runs the command.

    1. Find the connection.
    2. Record `Attempted`, durable before anything changes.
    3. The connection is missing or another user's: record `Failed`.
    4. Mark it disconnected: credentials gone, row kept.
    5. Save it together with `Succeeded`, and with the beginning of a revocation, for the case that
       its provider can revoke. If its version has moved meanwhile, read again and redo 4.
    6. The attempt is in the log already: answer with its outcome. When it has none, it is being
       carried out, or its process is gone: carry it out as well. The log takes one outcome, and
       all who carry it out answer with that.
    7. A database error before `Attempted` is durable is a `Failure` without a trace. After it,
       `Failed` is tried once.

    A port that raises `StorageError` has written nothing: adapters read back what became of a
    commit whose connection broke. The caller keeps the deadline, by cancelling.
    """

    def __init__(
        self,
        connection_repo: ProviderConnectionRepository,
        event_bus: EventBus,
        *,
        now: Now,
        new_id: NewId,
    ) -> None:
        self._connections = connection_repo
        self._events = event_bus
        self._now = now
        self._new_id = new_id

    async def handle(self, command: DisconnectProvider) -> Outcome:
        """Expected outcomes are returned, never raised."""
        try:
            found = await self._find(command)
            await self._events.publish(self.attempted(command, found))
        except AttemptRecorded:
            return await self._repeat(command)
        except StorageError:
            return Failure(error=DisconnectProviderError.DATABASE_ERROR)
        return await self.carry_out(command, found)

    def attempted(
        self, command: DisconnectProvider, found: Found
    ) -> ProviderDisconnectionAttempted:
        """The event of step 2."""
        return self._attempt(command, found).attempted()

    async def carry_out(self, command: DisconnectProvider, found: Found) -> Outcome:
        """The steps after 2, for an attempt that the log has."""
        attempt = self._attempt(command, found)
        try:
            return await self._disconnect(attempt, found)
        except StorageError:
            return await self._fail(attempt)
        except AttemptClosed:  # by a repetition, or because it took too long: that stands
            return await self._as_recorded(attempt)

    async def _find(self, command: DisconnectProvider) -> Found:
        return await self._connections.find_owned(command.connection_id, command.user_id)

    async def _disconnect(self, attempt: "_Attempt", found: Found) -> Outcome:
        for _ in range(SAVE_TRIES):
            if isinstance(found, NotFound):
                return await self._refuse(attempt, _NOT_FOUND[found])
            disconnected = found.mark_disconnected(self._now())
            succeeded = attempt.event(ProviderDisconnectionSucceeded)
            try:
                recorded = await self._connections.save(
                    disconnected, succeeded, attempt.revocation()
                )
            except ConcurrentUpdate:
                found = await self._find(attempt.command)
            else:
                done = DisconnectedProvider(connection=disconnected, recorded=recorded)
                return Success(value=done)
        raise StorageError

    async def _repeat(self, command: DisconnectProvider) -> Outcome:
        try:
            begun, *ended = await self._recorded(command.attempt_id)
            found = await self._find(command)
        except StorageError:
            return Failure(
                error=DisconnectProviderError.DATABASE_ERROR, attempt_id=command.attempt_id
            )
        attempt = self._attempt(command, found)
        if not attempt.began_with(begun.event):
            return attempt.failure(DisconnectProviderError.ATTEMPT_REUSED)
        if not ended:
            return await self.carry_out(command, found)
        return attempt.recorded(ended, found)

    def _attempt(self, command: DisconnectProvider, found: Found) -> "_Attempt":
        return _Attempt(command, _provider(found), self._now, self._new_id)

    async def _as_recorded(self, attempt: "_Attempt") -> Outcome:
        try:
            _, *ended = await self._recorded(attempt.command.attempt_id)
            found = await self._find(attempt.command)
        except StorageError:
            return attempt.failure(DisconnectProviderError.DATABASE_ERROR)
        return attempt.recorded(ended, found)

    async def _recorded(self, attempt_id: AttemptId) -> Sequence[RecordedEvent]:
        """Raises `StorageError` as well when a restore has taken the attempt out of the log."""
        if recorded := await self._events.of_attempt(attempt_id):
            return recorded
        raise StorageError

    async def _refuse(self, attempt: "_Attempt", error: DisconnectProviderError) -> Outcome:
        await self._events.publish(attempt.failed(error))
        return attempt.failure(error)

    async def _fail(self, attempt: "_Attempt") -> Outcome:
        try:
            return await self._refuse(attempt, DisconnectProviderError.DATABASE_ERROR)
        except AttemptClosed:
            return await self._as_recorded(attempt)
        except StorageError:
            return attempt.failure(DisconnectProviderError.DATABASE_ERROR)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One run of the command, and the events and failures that it may have."""

    command: DisconnectProvider
    provider: ProviderRef | None
    now: Now
    new_id: NewId

    def event(self, kind: Callable[..., EventT], **more: object) -> EventT:
        return kind(
            id=EventId(self.new_id()),
            occurred_at=self.now(),
            user_id=self.command.user_id,
            connection_id=self.command.connection_id,
            attempt_id=self.command.attempt_id,
            provider=self.provider,
            **more,
        )

    def attempted(self) -> ProviderDisconnectionAttempted:
        return self.event(
            ProviderDisconnectionAttempted,
            initiator=self.command.initiator,
            batch_id=self.command.batch_id,
            note=self.command.note,
        )

    def revocation(self) -> ProviderTokenRevocationAttempted:
        """The beginning of an attempt of its own."""
        return replace(
            self.event(ProviderTokenRevocationAttempted), attempt_id=AttemptId(self.new_id())
        )

    def began_with(self, event: ProviderEvent) -> bool:
        """Whether the log's event is this attempt's own beginning."""
        return (
            isinstance(event, ProviderDisconnectionAttempted)
            and event.user_id == self.command.user_id
            and event.connection_id == self.command.connection_id
        )

    def failed(self, error: DisconnectProviderError) -> ProviderDisconnectionFailed:
        return self.event(ProviderDisconnectionFailed, reason=FailureReason[error.name])

    def recorded(self, ended: Sequence[RecordedEvent], found: Found) -> Outcome:
        """What its last event says."""
        match ended:
            case [RecordedEvent(event=ProviderDisconnectionSucceeded()) as recorded]:
                if isinstance(found, ProviderConnection):
                    done = DisconnectedProvider(connection=found, recorded=recorded)
                    return Success(value=done)
            case [RecordedEvent(event=ProviderDisconnectionFailed(reason=reason))]:
                if reason.name in DisconnectProviderError.__members__:
                    return self.failure(DisconnectProviderError[reason.name])
        return self.failure(DisconnectProviderError.DATABASE_ERROR)

    def failure(self, error: DisconnectProviderError) -> Failure[DisconnectProviderError]:
        return Failure(error=error, attempt_id=self.command.attempt_id)


def _provider(found: Found) -> ProviderRef | None:
    """Filled in only when the connection is the caller's own: an event neither invents a provider
    nor tells what others are connected to."""
    if isinstance(found, NotFound):
        return None
    return ProviderRef(id=found.provider_id, slug=found.provider_slug)
