"""What our WebSocket protocol does that uvicorn's does not. Each test fails on uvicorn's own."""

import asyncio
import logging

import pytest
from starlette.types import Receive, Scope, Send

from schema.websocket.frame_sender import FRAME_SENDER, FrameSender
from tests.support.network.listening import listening
from tests.support.network.raw_socket import CLOSE, TEXT, RawSocket, connect, raw_socket
from tests.support.woken import eventually


async def test_garbage_before_the_handshake_is_answered_ends_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked, accept, over = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        asked.set()
        await accept.wait()
        try:
            await send({"type": "websocket.accept"})
        finally:
            over.set()

    async with listening(app) as where:
        reader, writer = await connect(where.port)
        RawSocket(reader, writer).ask({})
        await asyncio.wait_for(asked.wait(), 5)
        writer.write(b"\xff" * 100)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        accept.set()
        await asyncio.wait_for(over.wait(), 5)
        writer.transport.abort()
    assert [record.message for record in caplog.records] == []


async def test_text_that_is_not_utf8_closes_with_1007_and_no_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    async with listening(app) as where:
        async with raw_socket(where.port) as socket:
            socket.frame(TEXT, b"\xff")
            code, _ = await socket.closed()
            assert code == 1007
        async with raw_socket(where.port) as socket:
            socket.frame(TEXT, b"\xff")
            socket.frame(CLOSE, b"\x03\xe8")
            await socket.closed()
    assert [record.message for record in caplog.records] == []


async def test_an_outbox_of_a_closed_socket_ignores_everything() -> None:
    outboxes: list[FrameSender] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        outboxes.append(scope["extensions"][FRAME_SENDER])
        while (await receive())["type"] != "websocket.disconnect":
            pass

    async with listening(app) as where:
        async with raw_socket(where.port):
            pass
        await eventually(lambda: where.connections == 0)
        (outbox,) = outboxes
        outbox.post([b"too late"])
        outbox.close(1000, "too late")
        assert not outbox.full
        await outbox.drained()
