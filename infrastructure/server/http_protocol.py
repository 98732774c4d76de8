"""uvicorn's HTTP connection, with fewer writes, and deadlines for clients who don't get on."""

import asyncio
from collections.abc import Callable
from typing import cast

from infrastructure.server.joined_writes import JoinedWrites
from infrastructure.server.read_deadline import RequestPace
from infrastructure.server.strict_http_protocol import StrictHttpProtocol
from infrastructure.server.write_deadline import Stall


class HttpProtocol(StrictHttpProtocol):
    """A client that leaves a response unread for `stall_seconds` is cut off, and so is one that
    takes as long for the head of a request, or for a body that the application does not read.

    The application gets its `http.disconnect` then, and a send that waits returns.
    """

    stall_seconds = 10.0
    on_stall: Callable[[], None] | None = None
    """Called when a client is cut off because it did not read."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(cast("asyncio.Transport", JoinedWrites(transport)))
        self._plain_transport = transport
        self._stall = Stall(transport, self.stall_seconds, self.on_stall)
        self._pace = RequestPace(transport, self.stall_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._pace.complete()
        self._stall.gone()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._pace.received(len(data))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._pace.begin()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._pace.head_complete()

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._pace.body()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._pace.complete()

    def handle_websocket_upgrade(self) -> None:
        self.transport = self._plain_transport
        super().handle_websocket_upgrade()
        self._stall.gone()
        self.parser = None  # type: ignore[assignment] # ends a cycle, as uvicorn does in the end

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall.begin()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stall.over()

    def send_400_response(self, msg: str) -> None:
        super().send_400_response(msg)
        self._pace.complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._stall.closing()
        else:
            self._pace.answered()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._stall.closing()


def http_protocol(stall_seconds: float, on_stall: Callable[[], None]) -> type[HttpProtocol]:
    """For `uvicorn.Config(http=…)`."""
    settings = {"stall_seconds": stall_seconds, "on_stall": staticmethod(on_stall)}
    return type("ConfiguredHttpProtocol", (HttpProtocol,), settings)
