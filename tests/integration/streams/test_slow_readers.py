"""A subscriber that stops reading is disconnected; others are unaffected, and nothing is lost."""

import asyncio
import contextlib
from collections import defaultdict

import pytest

from domain.events import EventCursor
from schema.asgi import WireSettings
from schema.execution.document_limits import DocumentLimits
from schema.execution.documents import DocumentRules
from tests.integration.streams.live import LiveWire
from tests.support.network.listening import Listening, listening
from tests.support.network.raw_http import event_data, parts, raw_response
from tests.support.network.raw_socket import Closed, RawSocket, raw_socket
from tests.support.woken import eventually
from tests.unit.schema.wire import ADA, Json

EVENTS = """subscription ($after: String) {
  providerEvents(after: $after) { id position cursor occurredAt attemptId connectionId __typename }
}"""
ALIASES = " ".join(f"{'a' * 200}{n}: id" for n in range(25))
LONG_EVENTS = EVENTS.replace("{ id", f"{{ {ALIASES} id")
LONG_NAMES = WireSettings(documents=DocumentRules(limits=DocumentLimits(aliases=100)))
STALL_SECONDS = 0.5
SUBSCRIPTIONS = 8
ROUNDS, ROUND = 10, 200
MIB = 1024 * 1024


async def stalls(wire: LiveWire, where: Listening) -> int:
    """Commits events until the slow reader is cut off; the most that was held for it."""
    most = 0
    for _ in range(ROUNDS):
        wire.grow(ADA, ROUND)
        await asyncio.sleep(0.02)
        most = max(most, where.most_unread)
    return most


async def read_positions(socket: RawSocket, last: int) -> list[int]:
    positions: list[int] = []
    while positions[-1:] != [last]:
        positions.append((await socket.receive())["payload"]["data"]["providerEvents"]["position"])
    return positions


async def test_a_socket_that_does_not_read_is_cut_off_and_resumes() -> None:
    wire, last = LiveWire(), ROUNDS * ROUND
    async with (
        listening(wire.app, stall_seconds=STALL_SECONDS) as where,
        raw_socket(where.port, small=True) as slow,
        raw_socket(where.port) as quick,
    ):
        for socket, subscriptions in ((slow, SUBSCRIPTIONS), (quick, 1)):
            await socket.init(ADA)
            for number in range(subscriptions):
                socket.subscribe(EVENTS, str(number))
        await eventually(lambda: wire.telemetry.subscriptions.total() == SUBSCRIPTIONS + 1)
        reading = asyncio.create_task(read_positions(quick, last))
        most = await stalls(wire, where)
        assert await asyncio.wait_for(reading, 5) == list(range(1, last + 1))
        await eventually(lambda: where.stalls == 1)
        await eventually(lambda: wire.telemetry.subscriptions.total() == 1)
        assert 64 * 1024 < most < MIB
        received: list[Json] = []
        with contextlib.suppress(Closed):
            while True:
                received.append(await slow.receive())
    events = [m["payload"]["data"]["providerEvents"] for m in received if m["id"] == "0"]
    positions = [event["position"] for event in events]
    assert positions == list(range(1, len(events) + 1))
    assert len(events) < last
    async with listening(wire.app) as where, raw_socket(where.port) as again:
        await again.init(ADA)
        again.subscribe(EVENTS, after=events[-1]["cursor"])
        assert positions + await read_positions(again, last) == list(range(1, last + 1))


async def test_a_long_past_of_long_answers_is_not_held_for_a_socket() -> None:
    wire, last = LiveWire(LONG_NAMES), 150
    wire.grow(ADA, last)
    start = EventCursor(user_id=ADA, position=0, event_id=None).encode()
    async with (
        listening(wire.app) as where,
        raw_socket(where.port, small=True) as slow,
    ):
        await slow.init(ADA)
        for number in range(SUBSCRIPTIONS):
            slow.subscribe(LONG_EVENTS, str(number), after=start)
        await eventually(lambda: where.most_unread > 0)
        most, positions = 0, defaultdict[str, list[int]](list)
        while sum(map(len, positions.values())) < last * SUBSCRIPTIONS:
            most = max(most, where.most_unread)
            message = await slow.receive()
            event = message["payload"]["data"]["providerEvents"]
            positions[message["id"]].append(event["position"])
    assert most < MIB
    assert list(positions.values()) == [list(range(1, last + 1))] * SUBSCRIPTIONS


@pytest.mark.parametrize("accept", ["text/event-stream", "multipart/mixed"])
async def test_a_stream_that_is_not_read_is_cut_off(accept: str) -> None:
    wire, last = LiveWire(LONG_NAMES), ROUNDS * ROUND
    query, long = (
        document.replace("($after: String)", "").replace("(after: $after)", "")
        for document in (EVENTS, LONG_EVENTS)
    )
    async with (
        listening(wire.app, stall_seconds=STALL_SECONDS) as where,
        raw_response(where.port, ADA, accept, long, small=True) as slow,
        raw_response(where.port, ADA, accept, query) as quick,
    ):
        reading = asyncio.create_task(quick.until(f'"position":{last},'.encode()))
        most = await stalls(wire, where)
        body = await asyncio.wait_for(reading, 5)
        await eventually(lambda: where.stalls == 1)
        await eventually(lambda: wire.telemetry.subscriptions.total() == 1)
        assert 64 * 1024 < most < MIB
        await slow.to_the_end()
        assert not slow.complete
    results = (
        event_data(body)
        if accept == "text/event-stream"
        else [part["payload"] for part in parts(body) if part]
    )
    positions = [result["data"]["providerEvents"]["position"] for result in results]
    assert positions == list(range(1, last + 1))


async def test_a_socket_that_pings_without_reading_does_not_fill_the_memory() -> None:
    wire = LiveWire()
    async with (
        listening(wire.app, stall_seconds=STALL_SECONDS, frames_per_second=1_000_000) as where,
        raw_socket(where.port, small=True) as slow,
    ):
        flood = b"".join(bytes([0x89, 0xFD]) + bytes(4) + b"x" * 125 for _ in range(2_000))
        most = 0
        while not slow.writer.is_closing():
            slow.writer.write(flood)
            with contextlib.suppress(TimeoutError, ConnectionError):
                await asyncio.wait_for(slow.writer.drain(), 0.01)
            most = max(most, where.most_unread)
        await eventually(lambda: where.connections == 0)
        assert where.stalls == 1
        assert 64 * 1024 < most < MIB


async def test_a_closed_socket_whose_client_does_not_read_is_gone_in_time() -> None:
    wire = LiveWire()
    async with (
        listening(wire.app, stall_seconds=STALL_SECONDS) as where,
        raw_socket(where.port, small=True) as slow,
    ):
        await slow.init(ADA)
        for number in range(SUBSCRIPTIONS):
            slow.subscribe(EVENTS, str(number))
        await eventually(lambda: wire.telemetry.subscriptions.total() == SUBSCRIPTIONS)
        while where.most_unread == 0:
            wire.grow(ADA, 1)
            await asyncio.sleep(0.001)
        ended = asyncio.create_task(wire.app.drain())
        await eventually(lambda: where.connections == 0, within=2 * STALL_SECONDS + 1)
        await ended
