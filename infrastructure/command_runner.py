"""How commands run: to their end, within a deadline, and beside those of other users."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from enum import StrEnum
from itertools import islice
from time import perf_counter
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from domain.commands.disconnect_all_providers import (
    BatchOutcome,
    DisconnectAllProviders,
    DisconnectAllProvidersHandler,
)
from domain.identifiers import UserId
from domain.ports import StorageError
from domain.provider_connection import ProviderConnection
from domain.result import Failure

DEADLINE = 10.0
"""Seconds until a command is answered, also when the database hangs."""
MOMENT = 0.1
"""Seconds."""
AT_ONCE = 100
"""Connections of a batch that are disconnected together: one commit of some milliseconds, so that
other users' commands don't wait behind the whole batch."""
GRANT_PATIENCE = 8.5
"""Seconds to wait for a revocation: longer than a worker's lease, less than a command may take."""
GRANT_PAUSE = 0.1

CommandT = TypeVar("CommandT")
OutcomeT = TypeVar("OutcomeT")


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
        """Returns when no command is running, also of those whose request had been read.

        Those that run longer than `seconds` meet their deadline then.
        """
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        while self._running and loop.time() < ends:
            await asyncio.wait(self._running, timeout=ends - loop.time())
        for deadline in self._deadlines:
            deadline.reschedule(loop.time())
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


async def together(work: Iterable[Awaitable[object]]) -> None:
    """Awaits all of it, so many pieces at a time that one commit takes them."""
    rest = iter(work)
    while chunk := list(islice(rest, AT_ONCE)):
        await asyncio.gather(*chunk)


async def wait_for_grant(
    is_ending: Callable[[ProviderConnection], Awaitable[bool]], connection: ProviderConnection
) -> bool:
    """Waits for a revocation under way that may end a grant which was just renewed.

    Whether there was one, or may have been: the database can't say, or it takes too long.
    `is_ending` is `ProviderConnectionRepository.grant_is_ending`.
    """
    found = False
    try:
        async with asyncio.timeout(GRANT_PATIENCE):
            while await is_ending(connection):
                found = True
                await asyncio.sleep(GRANT_PAUSE)
    except (StorageError, TimeoutError):
        return True
    return found
