"""A response's head and body in one packet."""

import asyncio
from typing import Any


class JoinedWrites:
    """A transport that holds a write back until the next one, or until the loop's next round.

    uvicorn writes a response's head and body apart, and each write is a system call, a packet, and
    a wake-up of the client.
    """

    __slots__ = ("_held", "_loop", "_transport", "is_closing")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._held: bytes | None = None
        self.is_closing = transport.is_closing

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (any attribute of the transport)
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """The second of two goes out at once, with the first."""
        if self._held is None:
            self._held = data
            self._loop.call_soon(self.flush)
        else:
            self._held += data
            self.flush()

    def close(self) -> None:
        """What is held goes out before."""
        self.flush()
        self._transport.close()

    def write_eof(self) -> None:
        """What is held goes out before."""
        self.flush()
        self._transport.write_eof()

    def flush(self) -> None:
        """Nothing is held any more."""
        if self._held is not None:
            held, self._held = self._held, None
            if not self.is_closing():
                self._transport.write(held)
