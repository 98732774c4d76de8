"""uvicorn's WebSocket connection, with an outbox and a deadline for those who stop reading."""

import asyncio
from asyncio.transports import BaseTransport
from collections.abc import Awaitable, Callable, Iterable

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request
from websockets.protocol import State

from infrastructure.server.write_deadline import Stall

FRAME_SENDER = "unplug.frame_sender"


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Is its own outbox, which `scope["extensions"]` gives to the application.

    No input of a client causes a traceback, and what it does not read does not grow.
    """

    stall_seconds = 10.0
    on_stall: Callable[[], None] | None = None
    """Called when a client is cut off because it did not read for `stall_seconds`."""

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self.on_drained: Callable[[], None] | None = None
        self._stall = Stall(self.transport, self.stall_seconds, self.on_stall)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stall.gone()
        super().connection_lost(exc)
        # These end cycles; an exception holds on to the frames that it went through.
        self.conn.parser.close()
        self.conn.parser_exc = None

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            extensions: dict[str, object] = self.scope["extensions"]  # type: ignore[assignment] # any name may be in it
            extensions[FRAME_SENDER] = self

    @property
    def full(self) -> bool:
        return not self.writable.is_set()

    def post(self, texts: Iterable[bytes]) -> None:
        if self.conn.state is not State.OPEN or self.transport.is_closing():
            return
        for text in texts:
            self.conn.send_text(text)
        self.transport.write(b"".join(self.conn.data_to_send()))

    def close(self, code: int, reason: str) -> None:
        """See `FrameSender`. Like uvicorn's own, without waiting for a client who doesn't read."""
        if self.conn.state is not State.OPEN or self.transport.is_closing():
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.read_paused = False
        self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)

    def drained(self) -> Awaitable[object]:
        return self.writable.wait()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall.begin()
        # Or a client that pings and doesn't read would fill the memory with pongs.
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stall.over()
        if not self.read_paused:
            self.transport.resume_reading()
        if self.on_drained is not None:
            self.on_drained()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._stall.closing()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        self.scope["extensions"].pop(FRAME_SENDER, None)  # ends a cycle
        self.on_drained = None
        if not self.disconnected:
            self._stall.closing()

    def handle_text(self, event: Frame) -> None:
        super().handle_text(event)
        event.data = b""  # the parser holds on to the last frame, as long as no other comes

    def handle_cont(self, event: Frame) -> None:
        super().handle_cont(event)
        event.data = b""

    def send_receive_event_to_app(self) -> None:
        # uvicorn logs text that isn't UTF-8 with a traceback, and may fail to close after it.
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self.close(CloseCode.INVALID_DATA, "not UTF-8")
                return
        super().send_receive_event_to_app()

    def handle_parser_exception(self) -> None:
        if self.conn.close_sent is not None:
            super().handle_parser_exception()
            return
        # Not even the handshake is complete.
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 1006})
        self.disconnected = self.handshake_complete = True
        self.transport.close()


def websocket_protocol(
    stall_seconds: float, on_stall: Callable[[], None]
) -> type[WebSocketProtocol]:
    """For `uvicorn.Config(ws=…)`."""
    settings = {"stall_seconds": stall_seconds, "on_stall": staticmethod(on_stall)}
    return type("ConfiguredWebSocketProtocol", (WebSocketProtocol,), settings)
