"""The whole wire behind nginx and HAProxy."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.integration.streams.live import LiveWire
from tests.support.network.listening import Listening, listening
from tests.support.network.raw_http import RawResponse, event_data, raw_response
from tests.support.network.raw_socket import CLOSE, PING, connect, raw_socket
from tests.support.servers.proxies import Proxy, haproxy, nginx
from tests.support.woken import eventually
from tests.unit.schema.wire import ADA, BOB

EVENTS = "subscription { providerEvents { position } }"
TYPENAME = b'{"query":"{ __typename }"}'
CURSOR = b'{"query":"{ eventCursor }"}'
PROXIES = pytest.mark.parametrize("proxy", [nginx, haproxy])


class Behind:
    """A server, and a proxy in front of it."""

    def __init__(self, wire: LiveWire, where: Listening, port: int) -> None:
        self.wire = wire
        self.where = where
        self.port = port

    def subscriptions(self, count: int) -> bool:
        return self.wire.telemetry.subscriptions.total() == count


@asynccontextmanager
async def behind(proxy: Proxy) -> AsyncIterator[Behind]:
    wire = LiveWire()
    async with listening(wire.app) as where:
        with proxy(where.port) as port:
            yield Behind(wire, where, port)


def request(body: bytes, *lines: bytes) -> bytes:
    head = b"\r\n".join(
        [
            b"POST /graphql HTTP/1.1",
            b"host: unplug.test",
            b"authorization: Bearer %s" % str(ADA).encode(),
            b"content-type: application/json",
            *(lines or (b"content-length: %d" % len(body),)),
        ]
    )
    return head + b"\r\n\r\n" + body


@asynccontextmanager
async def sent(port: int, *texts: bytes) -> AsyncIterator[RawResponse]:
    """What comes back on a connection; gone at the end of the block."""
    reader, writer = await connect(port)
    try:
        writer.write(b"".join(texts))
        yield RawResponse(reader, writer)
    finally:
        writer.transport.abort()


@PROXIES
async def test_a_socket_is_followed_live_and_its_end_is_noticed(proxy: Proxy) -> None:
    async with behind(proxy) as it:
        async with raw_socket(it.port) as socket:
            await socket.init(ADA)
            socket.subscribe(EVENTS)
            await eventually(lambda: it.subscriptions(1))
            it.wire.grow(ADA, 1)
            message = await socket.receive()
            assert message["payload"]["data"] == {"providerEvents": {"position": 1}}
        await eventually(lambda: it.subscriptions(0))


@PROXIES
async def test_a_stream_is_followed_live_and_its_end_is_noticed(proxy: Proxy) -> None:
    async with behind(proxy) as it:
        async with raw_response(it.port, ADA, "text/event-stream", EVENTS) as response:
            await eventually(lambda: it.subscriptions(1))
            it.wire.grow(ADA, 1)
            body = await response.until(b'"position":1')
            assert event_data(body) == [{"data": {"providerEvents": {"position": 1}}}]
        await eventually(lambda: it.subscriptions(0))


@PROXIES
async def test_pipelined_requests_are_answered_in_order(proxy: Proxy) -> None:
    requests = (request(TYPENAME), request(CURSOR), request(TYPENAME))
    async with behind(proxy) as it, sent(it.port, *requests) as response:
        answers = []
        for _ in requests:
            response.body = b""
            await response.read_head()
            answers.append(list(json.loads(await response.to_the_end())["data"]))
    assert answers == [["__typename"], ["eventCursor"], ["__typename"]]


HIDDEN = request(CURSOR)
"""What would be run if two ends disagreed where the request around it ends."""


@PROXIES
@pytest.mark.parametrize(
    "around",
    [
        request(
            b"0\r\n\r\n" + HIDDEN,
            b"content-length: %d" % (len(HIDDEN) + 5),
            b"transfer-encoding: chunked",
        ),
        request(b"0\r\n\r\n" + HIDDEN, b"content-length: 5", b"transfer-encoding: \x0bchunked"),
        request(b"5\r\n" + HIDDEN, b"transfer-encoding: identity, chunked"),
        request(TYPENAME + HIDDEN, b"content-length: +%d" % len(TYPENAME)),
    ],
    ids=["both lengths", "odd coding", "two codings", "odd length"],
)
async def test_a_hidden_request_is_not_run(proxy: Proxy, around: bytes) -> None:
    async with behind(proxy) as it, sent(it.port, around) as response:
        response.writer.write_eof()
        answers = await asyncio.wait_for(response.reader.read(), 5)
    assert b"eventCursor" not in answers


@PROXIES
async def test_a_trailer_does_not_say_who_asks(proxy: Proxy) -> None:
    query = b'{"query":"{ connectedProviders { edges { node { id } } } }"}'
    trailer = b"authorization: Bearer %s" % str(BOB).encode()
    body = b"%x\r\n%s\r\n0\r\n%s\r\n\r\n" % (len(query), query, trailer)
    lines = (b"transfer-encoding: chunked", b"trailer: authorization")
    async with behind(proxy) as it, sent(it.port, request(body, *lines)) as response:
        it.wire.connect(BOB, 1)
        await response.read_head()
        answer = json.loads(await response.to_the_end())
    assert answer == {"data": {"connectedProviders": {"edges": []}}}


LONGER_THAN_UVICORN_KEEPS_THEM = 5.5
"""Unless it is told otherwise. Proxies keep idle connections for 60 s and more."""


@PROXIES
async def test_a_proxys_idle_connection_is_kept(proxy: Proxy) -> None:
    async with behind(proxy) as it:
        for pause in (LONGER_THAN_UVICORN_KEEPS_THEM, 0):
            async with raw_response(it.port, ADA, "application/json", "{ __typename }") as response:
                assert response.status == 200
                await response.to_the_end()
            before = it.where.state.connections.copy()
            await asyncio.sleep(pause)
            assert it.where.state.connections == before
            assert len(before) == 1


@PROXIES
async def test_a_flood_of_pings_is_closed(proxy: Proxy) -> None:
    async with behind(proxy) as it, raw_socket(it.port) as socket:
        for _ in range(2_000):
            socket.frame(PING, b"")
        while (frame := await socket.next_frame())[0] != CLOSE:
            pass
        assert int.from_bytes(frame[1][:2]) == 1013
