"""uvicorn's HTTP connection, with fewer writes, and deadlines for reading and writing."""

import asyncio
from typing import cast

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from infrastructure.server.client_limits import ClientLimits
from infrastructure.server.data_in_parts import DataInParts
from infrastructure.server.joined_writes import JoinedWrites
from infrastructure.server.read_deadline import MOST_BYTES, ReadDeadline
from infrastructure.server.strict_http_protocol import StrictHttpProtocol
from infrastructure.server.write_deadline import WriteDeadline

LINGER_SECONDS = 0.1
"""For which an idle connection that ends is still read."""


class HttpProtocol(StrictHttpProtocol):
    """Cuts off a client that makes no progress in reading for `stall_seconds`, or takes as long for
    the head of a request, or for a body that the application does not wait for.

    When a connection ends, every request on it gets its `http.disconnect`, and a send that waits
    returns.
    """

    limits = ClientLimits()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(cast("asyncio.Transport", JoinedWrites(transport)))
        self._plain_transport = transport
        self._write_deadline = WriteDeadline(transport, self.limits)
        self._read_deadline = ReadDeadline(transport, self.limits.stall_seconds)
        self._unanswered: list[RequestResponseCycle] = []
        self._postponed: tuple[RequestResponseCycle, ASGI3Application] | None = None
        self._upgraded = False
        self._ended = False
        self._found = 0
        self._parts = DataInParts(transport, self._parse)
        self.flow = _Flow(transport, self._parts)

    def connection_lost(self, exc: Exception | None) -> None:
        self._read_deadline.complete()
        self._write_deadline.gone()
        # uvicorn tells the newest of pipelined requests only.
        for cycle in self._unanswered:
            cycle.disconnected = True
            cycle.message_event.set()
        self._unanswered.clear()
        self._postponed = None
        self._parts.end()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Takes no more requests; one that is running is answered.

        An idle connection is closed for writing at first: a request that is on its way meets no
        reset, after which a proxy would not repeat it on another node.
        """
        newest: RequestResponseCycle | None = self.cycle
        if self._ended or self.transport.is_closing():
            return
        if newest is not None and not newest.response_complete:
            newest.keep_alive = False
            return
        self._ended = True
        self.transport.write_eof()
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self.transport.close)

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        pipelining = len(self._unanswered) > 1
        self._parts.received(data, most=MOST_BYTES if pipelining else None)

    def _parse(self, data: bytes) -> int:
        self._found = 0
        super().data_received(data)
        if self._upgraded or self._refused:
            return self._found
        if not self._unanswered:
            self._read_deadline.expect_request()  # data may begin none: an empty line, for example
        self._read_deadline.received(len(data))
        return self._found

    def on_message_begin(self) -> None:
        self._found += 1
        super().on_message_begin()
        self._read_deadline.begin()

    def on_headers_complete(self) -> None:
        newest = self.cycle
        super().on_headers_complete()
        if self.cycle is not newest:
            self._unanswered.append(self.cycle)
        self._read_deadline.head_complete()

    def on_body(self, body: bytes) -> None:
        self._found += 1
        super().on_body(body)
        self._read_deadline.body()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._read_deadline.complete()

    def handle_websocket_upgrade(self) -> None:
        if self._unanswered:
            # Its 101 would overtake the responses that are due: the connection ends after those.
            self._unanswered[-1].keep_alive = False
            self.flow.pause_reading()
            return
        self.transport = self._plain_transport
        self._upgraded = True
        self._parts.end()
        super().handle_websocket_upgrade()
        self._write_deadline.gone()
        self.parser = None  # type: ignore[assignment] # ends a cycle, as uvicorn does in the end

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_deadline.begin()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._write_deadline.over()
        if self._postponed is not None:
            postponed, self._postponed = self._postponed, None
            self._start_asgi_task(*postponed)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if self.flow.write_paused:
            self._postponed = (cycle, app)  # its response would be kept beside the unread one
        else:
            super()._start_asgi_task(cycle, app)

    def send_400_response(self, msg: str) -> None:
        super().send_400_response(msg)
        self._read_deadline.complete()

    def on_response_complete(self) -> None:
        del self._unanswered[:1]
        super().on_response_complete()
        if self.transport.is_closing():
            self._write_deadline.closing()
        else:
            self._read_deadline.answered()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._write_deadline.closing()


def http_protocol(limits: ClientLimits) -> type[HttpProtocol]:
    """For `uvicorn.Config(http=…)`."""
    return type("ConfiguredHttpProtocol", (HttpProtocol,), {"limits": limits})


class _Flow(FlowControl):
    """Holds data back instead of not reading it: a connection that is not read never ends."""

    def __init__(self, transport: asyncio.Transport, parts: DataInParts) -> None:
        super().__init__(transport)
        self._parts = parts

    def pause_reading(self) -> None:
        self.read_paused = self._parts.held = True

    def resume_reading(self) -> None:
        if self.read_paused:
            self.read_paused = False
            self._parts.go_on()
