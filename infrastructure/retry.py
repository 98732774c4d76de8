"""Trying again, less and less often."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator

import structlog

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 2.0


def back_off(first: float = FIRST_PAUSE, longest: float = LONGEST_PAUSE) -> Iterator[float]:
    """Seconds to wait: doubling up to `longest`, each shortened by up to a half at random.

    So those who were cut off together don't come back together.
    """
    pause = first
    while True:
        yield pause * random.uniform(0.5, 1)  # noqa: S311  (spreads load, protects nothing)
        pause = min(2 * pause, longest)


class Outage:
    """Logs that something is away, and that it is back, once each."""

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
    """Runs a session again and again, whether it ends or fails in whatever way, until it is
    cancelled: a driver's odd exception must not end it for the life of the process.

    `on_end` is told the reason as a class name: the text of a driver's error may hold a password.
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
