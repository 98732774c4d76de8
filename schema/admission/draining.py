"""All sockets and streams that are open in this process."""

import asyncio
from typing import Protocol


class Stream(Protocol):
    """A socket or a response without an end."""

    def end(self) -> None:
        """Ends it so that its client comes back, as soon as nothing of it is running. Leaves
        `OpenStreams` once that is done."""


class OpenStreams:
    """Knows what has to end before the process may."""

    def __init__(self) -> None:
        self.ending = False
        self._open: set[Stream] = set()
        self._none_open = asyncio.Event()
        self._none_open.set()

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, stream: Stream) -> None:
        """A new one; it is told to end at once when all are ending."""
        self._open.add(stream)
        self._none_open.clear()
        if self.ending:
            stream.end()

    def leave(self, stream: Stream) -> None:
        """It has ended."""
        self._open.discard(stream)
        if not self._open:
            self._none_open.set()

    async def end(self) -> None:
        """Ends them all; returns when none is open."""
        self.ending = True
        for stream in tuple(self._open):
            stream.end()
        await self._none_open.wait()
