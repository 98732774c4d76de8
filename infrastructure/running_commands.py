"""Commands run to their end, whatever becomes of the client who asked."""

import asyncio
from collections.abc import Callable
from time import perf_counter

from domain.commands.disconnect_provider import (
    DisconnectProvider,
    DisconnectProviderHandler,
    Outcome,
)
from domain.result import Failure


class RunningCommands:
    """Runs each command in a task of its own: a client that hangs up cancels its wait, not the
    command. A deploy waits for them."""

    def __init__(
        self, handler: DisconnectProviderHandler, on_finished: Callable[[str, float], None]
    ) -> None:
        self._handler = handler
        self._on_finished = on_finished
        self._running: set[asyncio.Task[Outcome]] = set()

    async def __call__(self, command: DisconnectProvider, /) -> Outcome:
        """The command's outcome."""
        task = asyncio.create_task(self._run(command))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def drain(self) -> None:
        """Returns when no command is running; each has its deadline."""
        while self._running:
            await asyncio.wait(self._running)

    async def _run(self, command: DisconnectProvider) -> Outcome:
        started = perf_counter()
        outcome = await self._handler.handle(command)
        name = outcome.error.name.lower() if isinstance(outcome, Failure) else "success"
        self._on_finished(name, perf_counter() - started)
        return outcome
