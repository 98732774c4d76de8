"""uvicorn's HTTP connection, held to HTTP's rules."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from infrastructure.server.conformance import Fault, bad_request, check_head, check_size


class StrictHttpProtocol(HttpToolsProtocol):
    """Refuses what `conformance` refuses, and reads nothing more on that connection.

    The refusal waits for the responses to earlier requests: garbage behind a complete request does
    not cost its answer. Trailers are dropped (RFC 9110, section 6.5.1); uvicorn appends them to the
    headers, where one could replace what a proxy has set.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self._head_bytes = 0
        self._in_head = self._in_body = False
        self._fault: Fault | None = None
        self._refused = False

    def data_received(self, data: bytes) -> None:
        if not self._refused:
            super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0
        self._in_head = True

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            self._count(len(name) + len(value))
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        version = self.parser.get_http_version()
        upgrade = self.parser.should_upgrade() and self._should_upgrade()
        try:
            check_head(version, self.headers, upgrade=upgrade)
        except Fault as fault:
            self._fault = fault
            raise  # the parser stops, and uvicorn calls `send_400_response`
        if version != "1.1":
            self.expect_100_continue = False  # RFC 9110, section 15.2
        self._in_head = False
        super().on_headers_complete()
        self._in_body = not upgrade

    def on_message_complete(self) -> None:
        self._in_body = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refused = True
        if self._fault is None:
            self._fault = bad_request(msg)
        if self._in_body and self.pipeline and self.pipeline[0][0] is self.cycle:
            self.pipeline.popleft()  # it is broken, and has not begun
        elif self._in_body:
            self._close(answered=self.cycle.response_started)
        elif not self._answering():
            self._close(answered=False)

    def on_response_complete(self) -> None:
        more = bool(self.pipeline)
        super().on_response_complete()
        if self._refused and not more:
            self._close(answered=False)

    def _answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _count(self, size: int) -> None:
        self._head_bytes += size
        try:
            check_size(self._head_bytes)
        except Fault as fault:
            self._fault = fault
            raise

    def _close(self, *, answered: bool) -> None:
        if not self.transport.is_closing():
            if self._fault is not None and not answered:
                self.transport.write(self._fault.response)
            self.transport.close()
