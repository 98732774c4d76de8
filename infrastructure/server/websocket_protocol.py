"""uvicorn's WebSocket connection, as a frame sender, with limits for what a client sends."""

import asyncio
from asyncio.transports import BaseTransport
from collections.abc import Awaitable, Callable, Iterable

from uvicorn._types import ASGIReceiveEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request
from websockets.protocol import State

from infrastructure.server.client_limits import FRAMES, ClientLimits
from infrastructure.server.data_in_parts import DataInParts
from infrastructure.server.write_deadline import WriteDeadline

FRAME_SENDER = "unplug.frame_sender"
TRY_AGAIN_LATER = 1013
FLOOD_CLOSE_SECONDS = 1.0
"""For a client that floods to read why its socket was closed."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Sends frames for the application, which finds it in `scope["extensions"]`.

    No client causes a traceback, and what a client does not read does not grow. A client that
    floods with frames that the application does not see is closed with 1013.
    """

    limits = ClientLimits()

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self.on_drained: Callable[[], None] | None = None
        self._write_deadline = WriteDeadline(self.transport, self.limits)
        self._parts = DataInParts(self.transport, self._parse)
        self._frames = self._second = self._frames_in_it = 0
        self._flooded = False

    def connection_lost(self, exc: Exception | None) -> None:
        self._write_deadline.gone()
        self._parts.end()
        super().connection_lost(exc)
        # These end cycles; an exception holds on to the frames that it went through.
        self.conn.parser.close()
        self.conn.parser_exc = None

    def data_received(self, data: bytes) -> None:
        if not self._flooded:
            self._parts.received(data)

    def _parse(self, data: bytes) -> int:
        before = self._frames
        super().data_received(data)
        self._parts.held = self.read_paused or self.full or self._flooded
        return self._frames - before

    async def receive(self) -> ASGIReceiveEvent:
        message = await super().receive()
        self._go_on()
        return message

    def _go_on(self) -> None:
        if self._parts.held and not (self.read_paused or self.full or self._flooded):
            self._parts.go_on()

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
        self._write_deadline.grown()

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
        self._write_deadline.begin()
        # Or a client that pings and doesn't read would fill the memory with pongs.
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._write_deadline.over()
        if not self.read_paused:
            self.transport.resume_reading()
        self._go_on()
        if self.on_drained is not None:
            self.on_drained()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._write_deadline.closing()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        self.scope["extensions"].pop(FRAME_SENDER, None)  # ends a cycle
        self.on_drained = None
        if not self.disconnected:
            self._write_deadline.closing()

    def handle_ping(self) -> None:
        if self._counted():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        if self._counted():
            super().handle_pong(event)

    def handle_text(self, event: Frame) -> None:
        if event.fin or self._counted():
            super().handle_text(event)
        event.data = b""  # the parser holds on to the last frame, as long as no other comes

    def handle_bytes(self, event: Frame) -> None:
        if event.fin or self._counted():
            super().handle_bytes(event)

    def handle_cont(self, event: Frame) -> None:
        if event.fin or self._counted():
            super().handle_cont(event)
        event.data = b""

    def _counted(self) -> bool:
        """Whether a frame that the application does not see is within the limit."""
        self._frames += 1
        second = int(self.loop.time())
        if second != self._second:
            self._second, self._frames_in_it = second, 0
        self._frames_in_it += 1
        if self._frames_in_it > self.limits.frames_per_second and not self._flooded:
            self._end_flood()
        return not self._flooded

    def _end_flood(self) -> None:
        self._flooded = True
        self.limits.on_cut(FRAMES)
        if self.conn.state is not State.OPEN:
            return self.transport.abort()
        self.close(TRY_AGAIN_LATER, "Too many messages")
        # Its answer would come behind all that it has sent.
        self._parts.end()
        self.transport.pause_reading()
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(FLOOD_CLOSE_SECONDS, self.transport.close)
        return None

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


def websocket_protocol(limits: ClientLimits) -> type[WebSocketProtocol]:
    """For `uvicorn.Config(ws=…)`."""
    return type("ConfiguredWebSocketProtocol", (WebSocketProtocol,), {"limits": limits})
