"""Deliveries take what commands leave of the event loop."""

import asyncio
from collections.abc import Callable

FASTEST, SLOWEST = 2_000.0, 5.0
"""Turns a second, of all deliveries of a node beside commands."""
LATE = 0.003
"""Seconds by which a timer is late when the event loop has too much to do."""
GROWTH = 1.03
PATIENCE = 3.0
"""Seconds for which one turn is waited for, at most."""


class Pace:
    """Turns for requests to webhooks. Without commands, at once.

    Beside commands the rate is halved whenever a turn comes late, and grows a little whenever one
    comes in time: it settles where a few in a hundred are late.
    """

    def __init__(self, is_busy: Callable[[], bool]) -> None:
        self._is_busy = is_busy
        self._rate = FASTEST
        self._next = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether turns have to be waited for."""
        return self._is_busy()

    async def turn(self) -> None:
        """Returns when it is one's turn."""
        if not self._is_busy():
            self._rate = FASTEST
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._next = min(max(self._next, now) + 1 / self._rate, now + PATIENCE)
        due = self._next
        await asyncio.sleep(due - now)
        late = loop.time() - due > LATE
        self._rate = max(SLOWEST, self._rate / 2) if late else min(FASTEST, self._rate * GROWTH)
