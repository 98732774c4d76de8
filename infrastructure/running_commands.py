"""Disconnections run to their end, and what they could not record is closed."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Self, TypeAlias
from uuid import UUID

from domain.commands.disconnect_provider import (
    DisconnectProvider,
    DisconnectProviderError,
    DisconnectProviderHandler,
    Outcome,
)
from domain.events import (
    FailureReason,
    ProviderDisconnectionAttempted,
    ProviderEvent,
    RecordedEvent,
)
from domain.identifiers import AttemptId
from domain.ports import EventBus, StorageError
from domain.result import Failure
from infrastructure.command_runner import DEADLINE, CommandRunner
from infrastructure.live.sweep import ABANDONED_AFTER
from infrastructure.retry import back_off

Close: TypeAlias = Callable[[AttemptId, FailureReason], Awaitable[bool]]
"""Ends an attempt behind all that was written before, as `OpenAttempts.close` does."""


class AttemptNotes:
    """An `EventBus` that notes which attempts may be in the log, until they are dropped."""

    def __init__(self, event_bus: EventBus) -> None:
        self._event_bus = event_bus
        self._noted: set[AttemptId] = set()

    async def publish(self, event: ProviderEvent) -> RecordedEvent:
        if isinstance(event, ProviderDisconnectionAttempted) and event.attempt_id is not None:
            self._noted.add(event.attempt_id)
        return await self._event_bus.publish(event)

    async def publish_all(self, events: Sequence[ProviderEvent]) -> Sequence[RecordedEvent]:
        """Notes none of the attempts.

        Those that a batch leaves open are closed by the sweep, or carried out by its repetition.
        """
        return await self._event_bus.publish_all(events)

    async def of_attempt(self, attempt_id: AttemptId) -> Sequence[RecordedEvent]:
        return await self._event_bus.of_attempt(attempt_id)

    def drop(self, attempt_id: AttemptId) -> bool:
        """Whether it was noted."""
        known = attempt_id in self._noted
        self._noted.discard(attempt_id)
        return known


class RunningCommands:
    """Runs disconnections.

    An attempt whose outcome the handler could not record is closed as soon as the database allows
    it, until any node's sweep would do so.
    """

    def __init__(
        self,
        handler: DisconnectProviderHandler,
        notes: AttemptNotes,
        close: Close,
        on_finished: Callable[[str, float], None],
        *,
        deadline: float = DEADLINE,
    ) -> None:
        self.runner = CommandRunner(on_finished, deadline=deadline)
        self._handler = handler
        self._notes = notes
        self._close = close
        self._closing: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Gives up closing attempts that the database has not taken; a sweep closes those."""
        for task in tuple(self._closing):
            task.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)

    async def __call__(self, command: DisconnectProvider, /) -> Outcome:
        """The command's outcome."""
        return await self.runner.run(self._outcome, command, partial(self._in_doubt, command))

    async def drain(self, seconds: float) -> None:
        """As `CommandRunner.drain`."""
        await self.runner.drain(seconds)

    async def _outcome(self, command: DisconnectProvider) -> Outcome:
        outcome = await self._handler.handle(command)
        self._notes.drop(command.attempt_id)
        match outcome:
            case Failure(error=DisconnectProviderError.DATABASE_ERROR, attempt_id=UUID()):
                self._close_later(command.attempt_id)
        return outcome

    def _in_doubt(self, command: DisconnectProvider) -> Outcome:
        """After the deadline: what the log may have is closed."""
        attempt_id = command.attempt_id
        recorded = self._notes.drop(attempt_id)
        if recorded:
            self._close_later(attempt_id)
        return Failure(
            error=DisconnectProviderError.DATABASE_ERROR,
            attempt_id=attempt_id if recorded else None,
        )

    def _close_later(self, attempt_id: AttemptId) -> None:
        """Changes nothing if the attempt has its outcome, or was never recorded."""
        task = asyncio.create_task(self._close_until_abandoned(attempt_id))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close_until_abandoned(self, attempt_id: AttemptId) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ABANDONED_AFTER):
                for pause in back_off():
                    with contextlib.suppress(StorageError):
                        await self._close(attempt_id, FailureReason.DATABASE_ERROR)
                        return
                    await asyncio.sleep(pause)
