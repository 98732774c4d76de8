"""Commands run to their end, within a deadline, even when the client who asked hangs up."""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from functools import partial
from time import perf_counter
from typing import Any, Self, TypeAlias, TypeVar
from uuid import UUID
from weakref import WeakValueDictionary

from domain.commands.disconnect_all_providers import (
    BatchOutcome,
    DisconnectAllProviders,
    DisconnectAllProvidersHandler,
)
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
from domain.identifiers import AttemptId, UserId
from domain.ports import EventBus, StorageError
from domain.result import Failure
from infrastructure.live.sweep import ABANDONED_AFTER
from infrastructure.retry import back_off

DEADLINE = 10.0
"""Seconds until a command is answered, also when the database hangs."""
MOMENT = 0.1
"""Seconds."""


CommandT = TypeVar("CommandT")
OutcomeT = TypeVar("OutcomeT")

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
        """Not noted: what a batch leaves open is closed by a sweep, or finished by a repetition."""
        return await self._event_bus.publish_all(events)

    async def of_attempt(self, attempt_id: AttemptId) -> Sequence[RecordedEvent]:
        return await self._event_bus.of_attempt(attempt_id)

    def drop(self, attempt_id: AttemptId) -> bool:
        """Whether it was noted."""
        known = attempt_id in self._noted
        self._noted.discard(attempt_id)
        return known


class CommandRunner:
    """Runs each command in a task of its own and within a deadline: a client that hangs up cancels
    its wait, not the command. A deploy waits for them."""

    def __init__(
        self, on_finished: Callable[[str, float], None], *, deadline: float = DEADLINE
    ) -> None:
        self._on_finished = on_finished
        self._deadline = deadline
        self._running: set[asyncio.Task[Any]] = set()
        self._deadlines: set[asyncio.Timeout] = set()
        self._last_end = float("-inf")

    @property
    def is_busy(self) -> bool:
        """Whether a command is running, or was a moment ago: under load, those of a commit end
        together and the next ones are on their way."""
        return bool(self._running) or perf_counter() - self._last_end < MOMENT

    async def run(
        self,
        handle: Callable[[CommandT], Awaitable[OutcomeT]],
        command: CommandT,
        on_timeout: Callable[[], OutcomeT],
    ) -> OutcomeT:
        """The command's outcome; `on_timeout` gives one when the deadline has passed."""
        task = asyncio.create_task(self._run(handle, command, on_timeout))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def drain(self, seconds: float) -> None:
        """Returns when no command is running. Those that run longer meet their deadline now."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        for deadline in self._deadlines:
            deadline.reschedule(asyncio.get_running_loop().time())
        while self._running:
            await asyncio.wait(self._running)

    async def _run(
        self,
        handle: Callable[[CommandT], Awaitable[OutcomeT]],
        command: CommandT,
        on_timeout: Callable[[], OutcomeT],
    ) -> OutcomeT:
        started = perf_counter()
        try:
            async with asyncio.timeout(self._deadline) as deadline:
                self._deadlines.add(deadline)
                try:
                    outcome = await handle(command)
                finally:
                    self._deadlines.discard(deadline)
        except TimeoutError:
            outcome = on_timeout()
        self._last_end = perf_counter()
        self._on_finished(_name(outcome), self._last_end - started)
        return outcome


def _name(outcome: object) -> str:
    """For metrics: `success`, or the error's name."""
    if not isinstance(outcome, Failure):
        return "success"
    error = outcome.error
    name = error.name if isinstance(error, StrEnum) else type(error).__name__
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


class OnePerUser:
    """Runs a command that concerns all of a user's connections when the user's one before it is
    done, so that a user occupies this process with one of them."""

    def __init__(self) -> None:
        self._running: WeakValueDictionary[UserId, asyncio.Lock] = WeakValueDictionary()

    async def run(
        self, handler: DisconnectAllProvidersHandler, command: DisconnectAllProviders
    ) -> BatchOutcome:
        """Its outcome. The time that it waits is part of its deadline."""
        async with self._running.setdefault(command.user_id, asyncio.Lock()):
            return await handler.handle(command)


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
