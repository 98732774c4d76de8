"""Received data, parsed a little at a time."""

import asyncio
from collections.abc import Callable

PART = 4096
"""Bytes that are parsed at once. They may hold hundreds of frames, chunks or requests."""

WORK_PER_TURN = 64
COST_OF_PART = 4
"""What a part costs besides its frames, chunks or requests, each of which costs 1."""

MOST_UNPARSED = 65_536


class DataInParts:
    """Gives data to `parse` in parts, which returns how many frames, chunks or requests it found.

    A turn of the loop ends after the part that exceeds `WORK_PER_TURN`, so that no client holds up
    others. While it is `held`, it reads on without parsing, because a connection whose data is not
    read does not learn that its client is gone. It stops reading at `MOST_UNPARSED`.
    """

    __slots__ = ("_parse", "_reading", "_scheduled", "_transport", "_unparsed", "held")

    def __init__(self, transport: asyncio.Transport, parse: Callable[[bytes], int]) -> None:
        self._transport = transport
        self._parse = parse
        self._unparsed = bytearray()
        self._scheduled = False
        self._reading = True
        self.held = False

    def received(self, data: bytes, most: int | None = None) -> None:
        """Aborts the connection when more than `most` is to be kept."""
        if not self._unparsed and not self.held and len(data) <= PART:
            self._parse(data)
            return
        self._unparsed += data
        if most is not None and len(self._unparsed) > most:
            self.end()
            self._transport.abort()
        elif not self._scheduled:
            self._work()

    def go_on(self) -> None:
        """Not held any more."""
        self.held = False
        self._schedule()

    def end(self) -> None:
        """Parses nothing more."""
        self._unparsed.clear()
        self._parse = _parse_nothing  # ends a cycle

    def _work(self) -> None:
        self._scheduled = False
        left = WORK_PER_TURN
        while self._unparsed and not self.held and left > 0 and not self._transport.is_closing():
            part = bytes(self._unparsed[:PART])
            del self._unparsed[:PART]
            left -= COST_OF_PART + self._parse(part)
        if not self.held:
            self._schedule()
        self._read_or_wait()

    def _schedule(self) -> None:
        if self._unparsed and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._work)

    def _read_or_wait(self) -> None:
        if self._transport.is_closing():
            return
        if len(self._unparsed) > MOST_UNPARSED:
            self._reading = False
            self._transport.pause_reading()
        elif not self._reading and not self.held:
            self._reading = True
            self._transport.resume_reading()


def _parse_nothing(_data: bytes) -> int:
    """The connection is gone, or is another protocol's."""
    return 0
