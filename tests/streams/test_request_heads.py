"""Requests whose heads don't end, or don't come."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.listening import Listening, listening
from tests.unit.wire import Wire

PATIENCE = 0.3


@pytest.fixture
async def server() -> AsyncIterator[Listening]:
    async with listening(Wire().app, stall_seconds=PATIENCE) as server:
        yield server


@pytest.mark.parametrize("endless", [b"x: y\r\n", b"x"])
async def test_a_head_without_end_is_refused_before_it_fills_the_memory(
    server: Listening, endless: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /graphql HTTP/1.1\r\n" + endless * (1_000_000 // len(endless)))
    async with asyncio.timeout(5):
        assert await reader.readline() == b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    writer.close()


@pytest.mark.parametrize("begin", [b"", b"GET /graphql HTTP/1.1\r\nhost: x\r\n"])
async def test_a_head_that_does_not_come_is_not_waited_for(server: Listening, begin: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(begin)
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    assert server.stalls == 0
    writer.close()


async def test_the_next_request_of_a_connection_has_its_own_time(server: Listening) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    request = b"GET /graphql HTTP/1.1\r\nhost: x\r\n\r\n"
    async with asyncio.timeout(5):
        writer.write(request)
        assert (await reader.readuntil(b"}]}")).startswith(b"HTTP/1.1 401 ")
        await asyncio.sleep(2 * PATIENCE)  # between two requests uvicorn waits longer
        writer.write(request[:20])
        await asyncio.sleep(PATIENCE / 3)
        writer.write(request[20:])
        assert (await reader.readuntil(b"}]}")).startswith(b"HTTP/1.1 401 ")
    writer.close()
