"""Streams whose connections go in every way that HTTP/1.1 has: nothing is left of them."""

import asyncio
import json
import random
import socket
import struct
from collections.abc import Awaitable, Callable
from functools import partial

from schema.asgi import ConnectionLimits, WireSettings
from tests.integration.streams.live import LiveWire
from tests.support.network.listening import Listening, listening
from tests.support.network.raw_http import RawResponse
from tests.support.network.raw_socket import connect
from tests.support.woken import eventually
from tests.unit.schema.wire import ADA

STREAMS, AT_ONCE = 1_000, 100
EVENTS = json.dumps({"query": "subscription { providerEvents { position } }"}).encode()
TYPENAME = b'{"query":"{ __typename }"}'
UPGRADE = (
    b"GET /graphql HTTP/1.1\r\nhost: unplug.test\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-protocol: graphql-transport-ws\r\n\r\n"
)


def request(body: bytes, *lines: bytes) -> bytes:
    head = (
        b"POST /graphql HTTP/1.1",
        b"host: unplug.test",
        b"authorization: Bearer %s" % str(ADA).encode(),
        b"content-type: application/json",
        *(lines or (b"content-length: %d" % len(body),)),
    )
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def stream(accept: bytes) -> bytes:
    lines = (b"content-length: %d" % len(EVENTS), b"accept: " + accept)
    return request(EVENTS, *lines)


class Stream:
    """One connection, on which a stream has begun."""

    def __init__(self, response: RawResponse) -> None:
        self.response = response

    @property
    def writer(self) -> asyncio.StreamWriter:
        return self.response.writer

    async def close(self) -> None:
        self.writer.close()

    async def reset(self) -> None:
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def half_close(self) -> None:
        self.writer.write_eof()
        await self.response.to_the_end()
        self.writer.close()

    async def after(self, behind: bytes) -> None:
        """Closes with this pipelined behind it."""
        self.writer.write(behind)
        await self.writer.drain()
        await self.close()

    async def reset_after(self, behind: bytes) -> None:
        self.writer.write(behind)
        await self.writer.drain()
        await self.reset()

    async def without_reading(self) -> None:
        """Closes while the server's buffer and the connection are full of requests."""
        self.writer.write(request(TYPENAME) * 300)
        await asyncio.sleep(0)
        await self.reset()


BEHIND = {
    "a request": request(TYPENAME),
    "requests": 3 * request(TYPENAME),
    "a stream": stream(b"text/event-stream"),
    "an upgrade": UPGRADE,
    "half a head": request(TYPENAME)[:40],
    "half a body": request(TYPENAME)[:-5],
    "half a chunk": request(b"ff\r\n{", b"transfer-encoding: chunked"),
    "a trailer": request(
        b"%x\r\n%s\r\n0\r\nx-a: b\r\n" % (len(TYPENAME), TYPENAME), b"transfer-encoding: chunked"
    ),
    "garbage": b"\x00\xff garbage\r\n\r\n",
    "empty lines": b"\r\n" * 10,
}

Way = Callable[[Stream], Awaitable[None]]
WAYS: list[Way] = [
    Stream.close,
    Stream.reset,
    Stream.half_close,
    Stream.without_reading,
    *(partial(Stream.after, behind=behind) for behind in BEHIND.values()),
    *(partial(Stream.reset_after, behind=behind) for behind in BEHIND.values()),
]


async def opened(where: Listening, number: int) -> Stream:
    """The head of its response has come."""
    accept = (b"text/event-stream", b"multipart/mixed")[number % 2]
    reader, writer = await connect(where.port)
    writer.write(stream(accept))
    response = RawResponse(reader, writer)
    await response.read_head()
    assert response.status == 200
    return Stream(response)


async def test_nothing_is_left_of_streams_whose_connections_went() -> None:
    wire = LiveWire(WireSettings(connections=ConnectionLimits(sockets_per_user=2 * AT_ONCE)))
    random_ = random.Random(11)  # noqa: S311 (nothing secret)
    async with listening(wire.app) as where:
        tasks = len(asyncio.all_tasks())
        for _ in range(0, STREAMS, AT_ONCE):
            streams = [await opened(where, number) for number in range(AT_ONCE)]
            ways = (WAYS * (1 + AT_ONCE // len(WAYS)))[:AT_ONCE]
            random_.shuffle(ways)
            await asyncio.gather(
                *(way(stream) for way, stream in zip(ways, streams, strict=True)),
                return_exceptions=False,
            )
            wire.grow(ADA, 1)
            await eventually(lambda: where.connections == 0)
            await eventually(lambda: wire.telemetry.subscriptions.total() == 0)
        await eventually(lambda: len(asyncio.all_tasks()) == tasks)
        assert len(wire.streams) == 0
        assert wire.registered == 0
        again = await opened(where, 0)
        wire.grow(ADA, 1)
        assert b"providerEvents" in await again.response.until(b"position")
        await again.close()
