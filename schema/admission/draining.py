"""What has to end before the process may."""

import asyncio
from collections.abc import Callable


class OpenStreams:
    """All sockets and streams of this process, each with the call that ends it.

    A stream leaves as soon as it has ended; it may first finish what it is answering.
    """

    def __init__(self) -> None:
        self.draining = False
        self._open: dict[object, Callable[[], None]] = {}
        self._none_open = asyncio.Event()
        self._none_open.set()

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, stream: object, end: Callable[[], None]) -> None:
        """A new one. It is told to end at once when all are ending."""
        self._open[stream] = end
        self._none_open.clear()
        if self.draining:
            end()

    def leave(self, stream: object) -> None:
        """It has ended."""
        self._open.pop(stream, None)
        if not self._open:
            self._none_open.set()

    async def drain(self) -> None:
        """Ends them all; returns when none is open."""
        self.draining = True
        for end in tuple(self._open.values()):
            end()
        await self._none_open.wait()
