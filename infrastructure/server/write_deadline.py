"""Clients who stop reading."""

import asyncio
from collections.abc import Callable


class Stall:
    """Cuts a connection off when its client leaves what we sent unread for too long.

    Lives outside of any send. `transport.close()` would wait without end for such a client, because
    it flushes first.
    """

    __slots__ = ("_closing", "_on_cut", "_seconds", "_timer", "_transport")

    def __init__(
        self, transport: asyncio.Transport, seconds: float, on_cut: Callable[[], None] | None
    ) -> None:
        self._transport = transport
        self._seconds = seconds
        self._on_cut = on_cut
        self._closing = False
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """More is unread than we want to keep."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._cut)

    def over(self) -> None:
        """The client has read, or is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._closing:
            self.begin()

    def closing(self) -> None:
        """The connection closes as soon as the client has read the rest, or in time at last."""
        self._closing = True
        self.begin()

    def gone(self) -> None:
        """The connection is closed."""
        self._closing = False
        self.over()

    def _cut(self) -> None:
        self._timer = None
        if self._on_cut is not None and not self._closing:
            self._on_cut()
        self._transport.abort()
