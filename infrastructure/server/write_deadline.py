"""A deadline for clients that do not read."""

import asyncio
import fcntl
import struct
import sys
import termios

from infrastructure.server.client_limits import STALLED, UNREAD, ClientLimits

CHECKS = 4
"""Looks at the progress of a client, per deadline."""

LEAST_BYTES = 1024
"""What a client has to read within the deadline. One that reads less holds its buffers too long."""


class WriteDeadline:
    """Aborts the connection of a client that makes no progress in reading for `seconds`.

    A client that reads steadily is never cut off, however slow it is. It lives outside of any send,
    and aborts: `transport.close()` would wait without an end for such a client, because it flushes
    first. It also tells the process's budget how much is unread.
    """

    __slots__ = (
        "_budget",
        "_checks_left",
        "_closing",
        "_interval",
        "_on_cut",
        "_timer",
        "_transport",
        "_unread",
    )

    def __init__(self, transport: asyncio.Transport, limits: ClientLimits) -> None:
        self._transport = transport
        self._interval = limits.stall_seconds / CHECKS
        self._on_cut = limits.on_cut
        self._budget = limits.unread
        self._closing = False
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """More is unread than we want to keep."""
        if self._timer is None:
            self._progressed()
            self._wait()
            self.grown()

    def grown(self) -> None:
        """More was written, and is unread too."""
        if self._timer is not None:
            self._budget.hold(self, self._transport.get_write_buffer_size(), self._cut)

    def over(self) -> None:
        """The client has read enough, or is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._budget.release(self)
        if self._closing:
            self.begin()

    def closing(self) -> None:
        """The connection closes as soon as the client has read the rest."""
        self._closing = True
        self.begin()

    def gone(self) -> None:
        """The connection is closed."""
        self._closing = False
        self.over()

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._interval, self._check)

    def _progressed(self) -> None:
        self._unread = unread_bytes(self._transport)
        self._checks_left = CHECKS

    def _check(self) -> None:
        if unread_bytes(self._transport) <= self._unread - LEAST_BYTES:
            self._progressed()
        else:
            self._checks_left -= 1
        if self._checks_left > 0:
            self._wait()
            return self.grown()
        self._timer = None
        self._budget.release(self)
        if not self._closing:
            self._on_cut(STALLED)
        self._transport.abort()
        return None

    def _cut(self) -> None:
        """The process holds too much, and the most for this client."""
        self.gone()
        self._on_cut(UNREAD)
        self._transport.abort()


def unread_bytes(transport: asyncio.Transport) -> int:
    """What the client's system has not taken yet.

    The kernel's own buffer counts: it may hold megabytes, and while a slow client reads those, ours
    does not shrink.
    """
    return transport.get_write_buffer_size() + _in_the_kernel(transport)


def _in_the_kernel(transport: asyncio.Transport) -> int:
    socket = transport.get_extra_info("socket")
    if sys.platform != "linux" or socket is None:
        return 0
    try:
        answer = fcntl.ioctl(socket.fileno(), termios.TIOCOUTQ, bytes(4))
    except (OSError, ValueError):  # it is closed
        return 0
    return int(struct.unpack("i", answer)[0])
