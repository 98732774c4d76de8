"""What our HTTP connections do and uvicorn's do not: no client waits in vain."""

import asyncio
import contextlib
import json

import pytest
from starlette.types import Receive, Scope, Send

from tests.integration.streams.live import LiveWire
from tests.support.network.listening import listening
from tests.support.network.raw_http import RawResponse
from tests.support.network.raw_socket import connect
from tests.support.woken import eventually
from tests.unit.schema.wire import ADA, Wire

QUERY = json.dumps({"query": "{ __typename }"}).encode()
HEAD = (
    "POST /graphql HTTP/1.1\r\nhost: unplug.test\r\ncontent-type: application/json\r\n"
    f"authorization: Bearer {ADA}\r\ncontent-length: {len(QUERY)}\r\n"
).encode()


@pytest.mark.parametrize("start", [b"", b"POST", HEAD])
async def test_a_request_that_does_not_get_on_is_cut_off(start: bytes) -> None:
    async with listening(Wire().app, stall_seconds=0.2) as where:
        reader, writer = await connect(where.port)
        writer.write(start)
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        await eventually(lambda: where.connections == 0)
        writer.close()


@pytest.mark.parametrize("endless", [b"x-filler: x\r\n", b"x"])
async def test_a_head_without_an_end_is_refused(endless: bytes) -> None:
    async with listening(Wire().app) as where:
        reader, writer = await connect(where.port)
        writer.write(HEAD + endless * (300_000 // len(endless)))
        status = await asyncio.wait_for(reader.readline(), 5)
        assert status == b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
        await eventually(lambda: where.connections == 0)
        writer.close()


@pytest.mark.parametrize("endless", [b"x-filler: x\r\n", b"x"])
async def test_trailers_without_an_end_are_cut_off(endless: bytes) -> None:
    async with listening(Wire().app) as where:
        _, writer = await connect(where.port)
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n")
        writer.write(endless * (1_000_000 // len(endless)))
        await eventually(lambda: where.connections == 1)
        await eventually(lambda: where.connections == 0)
        writer.close()


async def test_a_body_that_nobody_waits_for_is_cut_off() -> None:
    async with listening(Wire().app, stall_seconds=0.2) as where:
        reader, writer = await connect(where.port)
        writer.write(b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n")
        response = RawResponse(reader, writer)
        await response.read_head()
        assert response.status == 401
        with contextlib.suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b"x")
                await asyncio.sleep(0.02)
        await eventually(lambda: where.connections == 0)
        writer.close()


async def test_a_large_body_in_large_pieces_is_none_of_that() -> None:
    body = json.dumps({"query": "{ __typename }", "extensions": {"x": "x" * 900_000}}).encode()
    async with listening(Wire().app) as where:
        reader, writer = await connect(where.port)
        writer.write(HEAD.replace(b": %d" % len(QUERY), b": %d" % len(body)) + b"\r\n" + body)
        response = RawResponse(reader, writer)
        await response.read_head()
        assert await response.to_the_end() == b'{"data":{"__typename":"Query"}}'
        writer.close()


async def test_requests_one_after_another_take_their_time() -> None:
    async with listening(Wire().app, stall_seconds=0.2) as where:
        reader, writer = await connect(where.port)
        for _ in range(4):
            writer.write(HEAD[:20])
            await asyncio.sleep(0.1)
            writer.write(HEAD[20:] + b"x-filler: " + b"x" * 50_000 + b"\r\n\r\n" + QUERY)
            response = RawResponse(reader, writer)
            await response.read_head()
            assert await response.to_the_end() == b'{"data":{"__typename":"Query"}}'
        writer.close()


async def test_data_that_begins_no_request_does_not_keep_a_connection() -> None:
    async with listening(Wire().app, stall_seconds=0.2) as where:
        reader, writer = await connect(where.port)
        writer.write(HEAD + b"\r\n" + QUERY)
        response = RawResponse(reader, writer)
        await response.read_head()
        await response.to_the_end()
        writer.write(b"\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 3) == b""
        await eventually(lambda: where.connections == 0)
        writer.close()


STREAM = json.dumps({"query": "subscription { providerEvents { position } }"}).encode()


def stream_request() -> bytes:
    head = HEAD.replace(b": %d" % len(QUERY), b": %d" % len(STREAM))
    return head + b"accept: text/event-stream\r\n\r\n" + STREAM


async def test_a_stream_ends_with_its_connection_whatever_was_pipelined_behind_it() -> None:
    wire = LiveWire()
    async with listening(wire.app) as where:
        _, writer = await connect(where.port)
        writer.write(stream_request())
        await eventually(lambda: wire.telemetry.subscriptions.total() == 1)
        writer.write(2 * (HEAD + b"\r\n" + QUERY))
        await writer.drain()
        writer.transport.abort()
        await eventually(lambda: where.connections == 0)
        await eventually(lambda: wire.telemetry.subscriptions.total() == 0)


async def test_an_upgrade_does_not_overtake_a_response() -> None:
    wire = LiveWire()
    async with listening(wire.app) as where:
        reader, writer = await connect(where.port)
        upgrade = (
            b"GET /graphql HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n"
            b"sec-websocket-protocol: graphql-transport-ws\r\n\r\n"
        )
        writer.write(stream_request() + upgrade)
        response = RawResponse(reader, writer)
        await response.read_head()
        assert response.status == 200
        await eventually(lambda: wire.telemetry.subscriptions.total() == 1)
        await wire.app.drain()
        assert b"101" not in await response.to_the_end()
        assert await asyncio.wait_for(reader.read(), 5) == b""  # closed: the client asks again
        writer.close()


async def test_a_steady_slow_reader_is_not_cut_off() -> None:
    size = 8 * 1024 * 1024

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(size // 65_536):
            body = {"type": "http.response.body", "body": b"x" * 65_536, "more_body": True}
            await send(body)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async with listening(app, stall_seconds=0.4) as where:
        reader, writer = await connect(where.port, small=True)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        slowly = 0
        for _ in range(40):
            slowly += len(await reader.read(2_000))
            await asyncio.sleep(0.05)
        assert where.stalls == 0
        rest = 0
        while part := await asyncio.wait_for(reader.read(262_144), 5):
            rest += len(part)
            if part.endswith(b"0\r\n\r\n"):
                break
        assert slowly + rest > size
        writer.close()
