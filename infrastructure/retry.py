"""Retries with exponential back-off and jitter, and the end of the tasks that run them."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import structlog

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 2.0
CANCEL_AGAIN_AFTER = 1.0


def back_off(first: float = FIRST_PAUSE, longest: float = LONGEST_PAUSE) -> Iterator[float]:
    """Seconds to wait before each retry, without end.

    They double up to `longest`. Each is shortened by up to a half at random, so that clients that
    were cut off together do not reconnect together.
    """
    pause = first
    while True:
        yield pause * random.uniform(0.5, 1)  # noqa: S311  (spreads load, protects nothing)
        pause = min(2 * pause, longest)


def nth_pause(tries: int, first: float, longest: float) -> float:
    """As `back_off`, for what is retried from a database: seconds to wait after so many tries."""
    return min(first * 2.0 ** min(tries, 64), longest) * random.uniform(0.5, 1)  # noqa: S311


class Outage:
    """Logs once that a service is lost, and once that it is back."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._lasts = False
        self._log = structlog.get_logger()

    def begins(self, reason: str) -> None:
        if not self._lasts:
            self._lasts = True
            self._log.warning("lost", what=self._what, reason=reason)

    def ends(self) -> None:
        if self._lasts:
            self._lasts = False
            self._log.info("back", what=self._what)


async def keep_up(session: Callable[[], Awaitable[None]], on_end: Callable[[str], None]) -> None:
    """Starts a session again each time it ends or fails, with back-off, until it is cancelled.

    Every exception counts as the end of a session: an unexpected one of a driver must not stop the
    retries for the life of the process. `on_end` is told the reason as a class name, because the
    text of a driver's error may hold a password.
    """
    loop = asyncio.get_running_loop()
    pauses = back_off()
    while True:
        began = loop.time()
        try:
            await session()
            on_end("Disconnected")
        except Exception as error:  # noqa: BLE001 (see above)
            on_end(type(error).__name__)
        if loop.time() - began > 2 * LONGEST_PAUSE:
            pauses = back_off()
        await asyncio.sleep(next(pauses))


async def end_task(task: "asyncio.Task[Any] | None") -> None:
    """Cancels a task until it has ended.

    One cancellation may not be enough: a driver whose clean-up fails during a cancellation raises
    that failure instead, and a loop that survives failures continues.
    """
    while task is not None and not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_AGAIN_AFTER)
