"""What clients leave unread is bounded for the whole process."""

from contextlib import AsyncExitStack
from functools import partial

from starlette.types import Receive, Scope, Send

from schema.asgi import WireSettings
from tests.integration.streams.live import LiveWire
from tests.support.network.listening import listening
from tests.support.network.raw_http import RawResponse
from tests.support.network.raw_socket import connect, raw_socket
from tests.support.woken import eventually
from tests.unit.schema.wire import ADA

MIB = 1024 * 1024
BUDGET = 8 * MIB
SOCKETS, OPERATIONS = 60, 5
"""Each is answered with a third of a MiB."""
GET = b"GET / HTTP/1.1\r\nhost: unplug.test\r\n\r\n"


class LargeAnswers:
    """An app whose answers have a size; it counts what it was asked."""

    def __init__(self, size: int) -> None:
        self._body = b"x" * size
        self.asked = 0

    def was_asked(self, times: int) -> bool:
        return self.asked == times

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        self.asked += 1
        length = (b"content-length", str(len(self._body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": self._body})


async def test_the_client_with_the_most_unread_is_cut_off_first() -> None:
    app = LargeAnswers(6 * MIB)
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(listening(app, unread=BUDGET))
        clients = [await connect(where.port, small=True) for _ in range(10)]
        for asked, (_, writer) in enumerate(clients, start=1):
            stack.callback(writer.transport.abort)
            writer.write(GET)
            await eventually(partial(app.was_asked, asked))
            await eventually(lambda: where.all_unread <= BUDGET)
        await eventually(lambda: where.unread_cuts + where.connections == 10)
        assert 1 <= where.connections < 10
        assert where.stalls == 0
        reader, writer = await connect(where.port)
        stack.callback(writer.transport.abort)
        writer.write(GET)
        response = RawResponse(reader, writer)
        await response.read_head()
        await response.to_the_end()
        assert response.complete


async def test_a_request_waits_until_the_response_before_it_is_read() -> None:
    app = LargeAnswers(6 * MIB)
    async with listening(app) as where:
        reader, writer = await connect(where.port, small=True)
        try:
            writer.write(GET * 3)
            await eventually(lambda: where.most_unread > 0)
            writer.write(GET)
            await writer.drain()
            assert app.asked == 1
            for _ in range(4):
                response = RawResponse(reader, writer)
                await response.read_head()
                await response.to_the_end()
                assert response.complete
            assert app.asked == 4
        finally:
            writer.transport.abort()


async def test_answers_on_sockets_that_are_not_read_count() -> None:
    wire = LiveWire(WireSettings(rows_per_second=1_000_000))
    for number in range(1, 101):
        wire.connect(ADA, number)
    names = " ".join(f"{'a' * 90}{n}: id" for n in range(10, 39))
    query = f"{{ connectedProviders(first: 100) {{ edges {{ node {{ {names} }} }} }} }}"
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(listening(wire.app, unread=BUDGET))
        for _ in range(SOCKETS):
            socket = await stack.enter_async_context(raw_socket(where.port, small=True))
            await socket.init(ADA)
            for number in range(OPERATIONS):
                socket.subscribe(query, str(number))
        await eventually(lambda: where.unread_cuts > 0)
        assert where.all_unread <= BUDGET
        other = await stack.enter_async_context(raw_socket(where.port))
        await other.init(ADA)
        other.subscribe("{ __typename }")
        assert (await other.receive())["payload"] == {"data": {"__typename": "Query"}}
