"""Clients who don't get on with asking."""

import asyncio

HEAD_BYTES = 65_536

TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"connection: close\r\n"
    b"content-length: 0\r\n\r\n"
)


class RequestHead:
    """Cuts a connection off when the head of a request does not come in time, or has no end."""

    __slots__ = ("_bytes", "_expected", "_seconds", "_timer", "_transport")

    def __init__(self, transport: asyncio.Transport, seconds: float) -> None:
        self._transport = transport
        self._seconds = seconds
        self._bytes = 0
        self._expected = True
        self._timer: asyncio.TimerHandle | None = None
        self.wait(0)

    def begin(self) -> None:
        """Its first bytes are there."""
        self._bytes = 0
        self._expected = True

    def wait(self, received: int) -> None:
        """Of what was received so far, the last bytes did not complete it, if it has begun."""
        if not self._expected:
            return
        self._bytes += received
        if self._bytes > HEAD_BYTES:
            self._transport.write(TOO_LARGE)
            self._transport.close()
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._seconds, self._transport.abort)

    def complete(self) -> None:
        """It is all there, or nobody waits for it any more."""
        self._expected = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
