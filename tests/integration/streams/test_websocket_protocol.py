"""What our WebSocket protocol does that uvicorn's does not. Each test fails on uvicorn's own."""

import asyncio
import io
import json
import logging

import pytest
from starlette.types import Receive, Scope, Send

from infrastructure.observability.access_log import JsonAccessLog
from infrastructure.server.data_in_parts import PART
from schema.websocket.frame_sender import FRAME_SENDER, FrameSender
from tests.support.network.listening import listening
from tests.support.network.raw_socket import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    RawSocket,
    connect,
    raw_socket,
)
from tests.support.woken import eventually
from tests.unit.schema.wire import Wire

CONTINUATION = 0


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


def masked(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    return bytes([0x80 * fin | opcode, 0x80 | len(payload)]) + bytes(4) + payload


FLOODS = {
    "pings": masked(PING),
    "pongs": masked(PONG),
    "pings with payload": masked(PING, b"x" * 125),
    "fragments": masked(CONTINUATION, fin=False),
}


@pytest.mark.parametrize("flood", FLOODS)
async def test_a_flood_of_frames_that_are_no_messages_closes_with_1013(flood: str) -> None:
    frame, lines = FLOODS[flood], io.BytesIO()
    wire = Wire(access_log=JsonAccessLog(lines))
    async with listening(wire.app) as where, raw_socket(where.port) as socket:
        if flood == "fragments":
            socket.writer.write(masked(TEXT, fin=False))
        socket.writer.write(frame * (1_000_000 // len(frame)))
        pongs = 0
        while (received := await socket.next_frame())[0] == PONG:
            pongs += 1
        opcode, payload = received
        assert (opcode, int.from_bytes(payload[:2])) == (CLOSE, 1013)
        assert pongs <= 100 + PART // len(frame)  # the part that exceeds the limit is parsed whole
        await eventually(lambda: where.connections == 0)
        assert where.floods == 1
    assert json.loads(lines.getvalue())["outcome"] == "RATE_LIMITED"


async def test_a_message_in_many_fragments_is_none() -> None:
    async with listening(Wire().app) as where, raw_socket(where.port) as socket:
        message = json.dumps({"type": "ping", "payload": {"x": "x" * 60_000}}).encode()
        pieces = [message[at : at + 1_000] for at in range(0, len(message), 1_000)]
        for number, piece in enumerate(pieces):
            opcode = CONTINUATION if number else TEXT
            socket.frame(opcode, piece, fin=number == len(pieces) - 1)
        assert (await socket.receive())["type"] == "pong"


@pytest.mark.parametrize("flood", ["pings", "fragments"])
async def test_a_flood_does_not_hold_up_other_clients(flood: str) -> None:
    """At most a part of its data is parsed in a turn of the loop."""
    frame, turns = FLOODS[flood], 0
    async with (
        listening(Wire().app, frames_per_second=1_000_000) as where,
        raw_socket(where.port) as socket,
        raw_socket(where.port) as other,
    ):
        if flood == "fragments":
            socket.writer.write(masked(TEXT, fin=False))
        socket.writer.write(frame * (200_000 // len(frame)) + masked(CLOSE, b"\x03\xe8"))

        async def count_turns() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        counting = asyncio.create_task(count_turns())
        await eventually(lambda: where.connections == 1)
        counting.cancel()
        assert turns > 0.8 * 200_000 / PART
        other.send({"type": "ping"})
        assert (await other.receive())["type"] == "pong"
