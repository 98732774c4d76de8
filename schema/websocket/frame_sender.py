"""The sending side of a WebSocket, as our own server hands it to the application."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

FRAME_SENDER = "unplug.frame_sender"
"""Where `scope["extensions"]` of a WebSocket has its `FrameSender`."""


class FrameSender(Protocol):
    """Sends without waiting, and says when it is full: a plain ASGI `send` can do neither.

    What a client doesn't read stays here, so look at `full` before sending. A client that reads
    nothing for longer than the server's deadline is cut off; the application gets its
    `websocket.disconnect` then. Once the socket is closed, everything is ignored.
    """

    on_drained: Callable[[], None] | None
    """Called when it is no longer full."""

    @property
    def full(self) -> bool:
        """The client reads more slowly than we send."""

    def post(self, texts: Iterable[bytes]) -> None:
        """Sends text frames, each from UTF-8."""

    def close(self, code: int, reason: str) -> None:
        """Sends a close frame (RFC 6455, section 5.5.1); `reason` has at most 123 bytes.

        The application gets its `websocket.disconnect` at once.
        """

    def drained(self) -> Awaitable[object]:
        """Done as soon as it isn't full, or the client is gone."""
