"""A deadline for clients that do not finish what they send."""

import asyncio

MOST_BYTES = 65_536
"""Of a request's head, and of anything later that is no body, such as trailers."""

TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"connection: close\r\n"
    b"content-length: 0\r\n\r\n"
)


class ReadDeadline:
    """Aborts a connection when the head of a request is late, when the rest of a request that is
    answered already is late, or when data that is no body is too long.

    uvicorn itself waits, and keeps what comes, without an end. The application limits bodies.
    """

    __slots__ = ("_bytes", "_coming", "_fed", "_seconds", "_timed", "_timer", "_transport")

    def __init__(self, transport: asyncio.Transport, seconds: float) -> None:
        self._transport = transport
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None
        self._fed = False
        self.begin()
        self.received(0)

    def begin(self) -> None:
        """A request's first bytes are there, or are waited for."""
        self._bytes = 0
        self._coming = self._timed = True

    def expect_request(self) -> None:
        """The client has sent something, and no request is being answered."""
        if not self._coming:
            self.begin()

    def head_complete(self) -> None:
        """The application may begin to answer."""
        self._bytes = 0
        self._stop_timer()

    def body(self) -> None:
        """A piece of it has come."""
        self._fed = True

    def answered(self) -> None:
        """The rest of the request is of no use any more."""
        if self._coming:
            self._timed = True
            self._start_timer()

    def complete(self) -> None:
        """It is all there, or the connection is gone."""
        self._coming = False
        self._stop_timer()

    def received(self, size: int) -> None:
        """So many bytes. To be called last: the other methods tell what they were."""
        if not self._coming:
            return
        self._bytes = 0 if self._fed else self._bytes + size
        self._fed = False
        if self._bytes > MOST_BYTES:
            self._transport.write(TOO_LARGE)
            self._transport.close()
        elif self._timed:
            self._start_timer()

    def _start_timer(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._seconds, self._transport.abort)

    def _stop_timer(self) -> None:
        self._timed = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
