"""The part of a request before its body."""

import asyncio

MAX_BYTES = 64 * 1024

TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"connection: close\r\n"
    b"content-length: 0\r\n\r\n"
)


class RequestHead:
    """Has to come within `seconds` and `MAX_BYTES`: uvicorn itself would wait, and keep, for ever.

    The first one counts from the connection's start.
    """

    __slots__ = ("_seconds", "_size", "_timer", "_transport", "coming")

    def __init__(self, transport: asyncio.Transport, seconds: float) -> None:
        self._transport = transport
        self._seconds = seconds
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None
        self.coming = True
        self._watch()

    def begins(self) -> None:
        """The next request."""
        self._size = 0
        self.coming = True

    def ends(self) -> None:
        """It is complete, or the connection is gone."""
        self.coming = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def grows(self, by: int) -> bool:
        """While it is coming; False when it is too large."""
        self._size += by
        self._watch()
        return self._size <= MAX_BYTES

    def _watch(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._seconds, self._transport.abort)
