"""What HTTP forbids is refused, also behind lenient proxies, at no cost to other requests."""

import asyncio
import contextlib
import json

import pytest

from infrastructure.server.client_limits import ClientLimits
from infrastructure.settings import load_settings
from tests.support.network.listening import listening
from tests.support.network.raw_socket import connect, raw_socket
from tests.support.woken import eventually
from tests.unit.schema.wire import ADA, BOB, Wire

QUERY = json.dumps({"query": "{ __typename }"}).encode()
ANSWER = b'{"data":{"__typename":"Query"}}'
JSON = "content-type: application/json\r\n"
ALLOWED = f"authorization: Bearer {ADA}\r\n"
HOST = "host: unplug.test\r\n"
LENGTH = f"content-length: {len(QUERY)}\r\n"
WEBSOCKET = (
    "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "sec-websocket-protocol: graphql-transport-ws\r\n"
)


def request(*headers: str, start: str = "POST /graphql HTTP/1.1", body: bytes = QUERY) -> bytes:
    return f"{start}\r\n{''.join(headers)}\r\n".encode() + body


def post(*headers: str, body: bytes = QUERY, start: str = "POST /graphql HTTP/1.1") -> bytes:
    return request(HOST, JSON, ALLOWED, *headers, start=start, body=body)


async def answers(port: int, *pieces: bytes) -> bytes:
    """All that comes until the server closes the connection, or has answered all that was asked."""
    reader, writer = await connect(port)
    received = b""
    for piece in pieces:
        writer.write(piece)
    writer.write_eof()
    with contextlib.suppress(ConnectionError, TimeoutError):
        while piece := await asyncio.wait_for(reader.read(65_536), 2):
            received += piece
            if received.count(ANSWER) == b"".join(pieces).count(QUERY):
                break
    writer.transport.abort()
    return received


def statuses(received: bytes) -> list[int]:
    return [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]


CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(QUERY), QUERY)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(request(JSON, ALLOWED, LENGTH), 400, id="no Host"),
        pytest.param(post(LENGTH, "host: evil.test\r\n"), 400, id="two Hosts"),
        pytest.param(post(LENGTH, HOST), 400, id="the same Host twice"),
        pytest.param(request("host: a b\r\n", JSON, ALLOWED, LENGTH), 400, id="no host in Host"),
        pytest.param(request("host: a/b\r\n", JSON, ALLOWED, LENGTH), 400, id="a path in Host"),
        pytest.param(
            post(f"authorization: Bearer {BOB}\r\n", LENGTH), 400, id="two Authorizations"
        ),
        pytest.param(post(JSON, LENGTH), 400, id="two Content-Types"),
        pytest.param(
            post("transfer-encoding: chunked\r\n", start="POST /graphql HTTP/1.0", body=CHUNKED),
            400,
            id="chunked in HTTP/1.0",
        ),
        pytest.param(
            post("transfer-encoding: chunked\r\n", LENGTH), 400, id="chunked, and a length"
        ),
        pytest.param(
            post("transfer-encoding: chunked, chunked\r\n", body=CHUNKED), 400, id="chunked twice"
        ),
        pytest.param(
            post("transfer-encoding: gzip, chunked\r\n", body=CHUNKED), 501, id="gzip, chunked"
        ),
        pytest.param(post("transfer-encoding: xyz\r\n"), 501, id="unknown transfer coding"),
        pytest.param(post("content-encoding: gzip\r\n", LENGTH), 415, id="gzip"),
        pytest.param(post("content-encoding: br, gzip\r\n", LENGTH), 415, id="two codings"),
        pytest.param(post("expect: 200-ok\r\n", LENGTH), 417, id="another expectation"),
        pytest.param(post(LENGTH, start="POST /graphql HTTP/2.0"), 505, id="HTTP/2.0"),
        pytest.param(post(LENGTH, start="POST /graphql HTTP/0.9"), 505, id="HTTP/0.9"),
        pytest.param(post(LENGTH, start="POST /graphql HTTP/1.2"), 400, id="HTTP/1.2"),
        pytest.param(post(f"x-large: {'x' * 100_000}\r\n", LENGTH), 431, id="a header of 100 KB"),
        pytest.param(
            post(LENGTH, start=f"POST /graphql?{'x' * 100_000} HTTP/1.1"), 431, id="a long target"
        ),
        pytest.param(
            request(JSON, WEBSOCKET, start="GET /graphql HTTP/1.1", body=b""),
            400,
            id="a handshake without Host",
        ),
        pytest.param(
            request(HOST, HOST, WEBSOCKET, start="GET /graphql HTTP/1.1", body=b""),
            400,
            id="a handshake with two Hosts",
        ),
        pytest.param(
            request(HOST, WEBSOCKET, start="GET /graphql HTTP/1.0", body=b""),
            400,
            id="a handshake in HTTP/1.0",
        ),
    ],
)
async def test_a_request_that_http_forbids_is_refused(sent: bytes, status: int) -> None:
    async with listening(Wire().app) as where:
        received = await answers(where.port, sent)
        assert statuses(received) == [status]
        assert ANSWER not in received
        if status == 415:
            assert b"\r\naccept-encoding: identity\r\n" in received
        await eventually(lambda: where.connections == 0)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(post(LENGTH), id="plain"),
        pytest.param(post("transfer-encoding: Chunked\r\n", body=CHUNKED), id="chunked"),
        pytest.param(post("content-encoding: identity\r\n", LENGTH), id="identity"),
        pytest.param(post(LENGTH, start="POST /graphql HTTP/1.0"), id="HTTP/1.0"),
        pytest.param(
            request(JSON, ALLOWED, LENGTH, start="POST /graphql HTTP/1.0"), id="1.0 without Host"
        ),
        pytest.param(
            request("host: [::1]:8000\r\n", JSON, ALLOWED, LENGTH), id="an IPv6 address as Host"
        ),
        pytest.param(post(f"x-large: {'x' * 60_000}\r\n", LENGTH), id="a header of 60 KB"),
    ],
)
async def test_what_http_allows_is_answered(sent: bytes) -> None:
    async with listening(Wire().app) as where:
        received = await answers(where.port, sent)
        assert statuses(received) == [200]
        assert ANSWER in received


@pytest.mark.parametrize("trailer", [f"authorization: Bearer {BOB}", "x-request-id: evil"])
async def test_trailers_are_no_headers(trailer: str) -> None:
    document = json.dumps({"query": "{ connectedProviders { edges { node { id } } } }"}).encode()
    wire = Wire()
    connection = wire.connect(BOB, 1)
    body = b"%x\r\n%b\r\n0\r\n%b\r\n\r\n" % (len(document), document, trailer.encode())
    async with listening(wire.app) as where:
        received = await answers(where.port, post("transfer-encoding: chunked\r\n", body=body))
    assert statuses(received) == [200]
    assert str(connection.id).encode() not in received
    assert b"evil" not in received


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_only_http_1_1_hears_of_continue(version: str) -> None:
    async with listening(Wire().app) as where:
        sent = post("expect: 100-continue\r\n", LENGTH, start=f"POST /graphql HTTP/{version}")
        received = await answers(where.port, sent)
    assert statuses(received) == ([200] if version == "1.0" else [100, 200])


GARBAGE = [
    pytest.param(b"GARBAGE\r\n\r\n", 400, id="garbage"),
    pytest.param(request(JSON, start="GET / HTTP/1.1", body=b""), 400, id="no Host"),
    pytest.param(b"GET / HTTP/2.0\r\n\r\n", 505, id="HTTP/2.0"),
    pytest.param(
        post("transfer-encoding: chunked\r\n", body=b"5\r\nbroken"), 400, id="a broken chunk"
    ),
]


@pytest.mark.parametrize(("garbage", "status"), GARBAGE)
@pytest.mark.parametrize("requests", [1, 3])
async def test_garbage_behind_requests_costs_none_of_their_answers(
    garbage: bytes, status: int, requests: int
) -> None:
    async with listening(Wire().app) as where:
        reader, writer = await connect(where.port)
        writer.write(post(LENGTH) * requests + garbage)
        received = await asyncio.wait_for(reader.read(), 5)
        writer.transport.abort()
        assert statuses(received) == [*([200] * requests), status]
        assert received.count(ANSWER) == requests
        await eventually(lambda: where.connections == 0)


async def test_a_body_that_breaks_is_told_once() -> None:
    async with listening(Wire().app) as where:
        reader, writer = await connect(where.port)
        writer.write(post("transfer-encoding: chunked\r\n", body=b"2\r\n{}\r\nxyz\r\n"))
        received = await asyncio.wait_for(reader.read(), 5)
        writer.transport.abort()
    assert statuses(received) == [400]


async def test_a_websocket_needs_nothing_of_that() -> None:
    async with listening(Wire().app) as where, raw_socket(where.port) as socket:
        await socket.init(ADA)


@pytest.mark.parametrize("idle", [False, True])
async def test_an_idle_connection_is_kept_for_the_next_request(idle: bool) -> None:
    async with listening(Wire().app, keep_alive=1) as where:
        reader, writer = await connect(where.port)
        for _ in range(2):
            writer.write(post(LENGTH))
            await asyncio.wait_for(reader.readuntil(ANSWER), 5)
        assert where.connections == 1
        if idle:
            assert await asyncio.wait_for(reader.read(), 5) == b""
            await eventually(lambda: where.connections == 0)
        writer.transport.abort()


def test_idle_connections_outlive_those_of_common_proxies() -> None:
    assert ClientLimits().keep_alive_seconds == load_settings().keep_alive_seconds == 75
