"""What our HTTP connections do and uvicorn's do not: no client waits in vain."""

import asyncio
import contextlib
import json

import pytest

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
