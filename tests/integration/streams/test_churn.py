"""Subscribers come and go in every way; nothing of them is left when they are gone."""

import asyncio
import gc
import random
from contextlib import AsyncExitStack

from websockets.frames import CloseCode
from websockets.server import ServerProtocol

from infrastructure.live.user_feed import UserFeed
from infrastructure.server.http_protocol import HttpProtocol
from infrastructure.server.websocket_protocol import WebSocketProtocol
from schema.asgi import ConnectionLimits, WireSettings
from schema.http.streaming import ResponseStream
from schema.websocket.session import SocketSession
from tests.integration.streams.live import LiveWire
from tests.support.network.listening import Listening, listening
from tests.support.network.raw_http import raw_response
from tests.support.network.raw_socket import raw_socket
from tests.support.woken import eventually
from tests.unit.schema.wire import ADA, BOB

EVENTS = "subscription { providerEvents { position } }"
SOCKETS, ROUNDS = 100, 5
SUBSCRIPTIONS = 2
STREAMS = 20
RESERVED_OPCODE = 0x3
OBJECTS_PER_EVENT = 6


async def churn(wire: LiveWire, where: Listening, random_: random.Random) -> None:
    """Opens a few hundred subscriptions and drops them while events come."""
    async with AsyncExitStack() as stack:
        for number in range(SOCKETS):
            socket = await stack.enter_async_context(raw_socket(where.port))
            await socket.init(random_.choice((ADA, BOB)))
            for id_ in range(SUBSCRIPTIONS):
                socket.subscribe(EVENTS, str(id_))
            if number % 10 == 0:
                wire.grow(ADA, 1)
        for number in range(STREAMS):
            accept = ("text/event-stream", "multipart/mixed")[number % 2]
            await stack.enter_async_context(raw_response(where.port, BOB, accept, EVENTS))
        await eventually(
            lambda: wire.telemetry.subscriptions.total() == SOCKETS * SUBSCRIPTIONS + STREAMS
        )
        wire.grow(BOB, 5)


async def gone(wire: LiveWire, where: Listening, tasks: int) -> None:
    await eventually(lambda: where.connections == 0)
    await eventually(lambda: wire.telemetry.subscriptions.total() == 0)
    await eventually(lambda: len(asyncio.all_tasks()) == tasks)


async def test_a_thousand_subscriptions_leave_nothing_behind() -> None:
    limits = ConnectionLimits(sockets_per_user=1_000)
    wire = LiveWire(WireSettings(connections=limits))
    random_ = random.Random(7)  # noqa: S311 (nothing secret)
    async with listening(wire.app) as where:
        tasks = len(asyncio.all_tasks())
        await churn(wire, where, random_)
        await gone(wire, where, tasks)
        gc.collect()
        objects = len(gc.get_objects())
        for _ in range(ROUNDS):
            await churn(wire, where, random_)
            await gone(wire, where, tasks)
        assert len(wire.streams) == 0
        assert wire.registered == 0
        gc.collect()
        log = sum(len(events) for events in wire.world.logs.values()) * OBJECTS_PER_EVENT
        # One object for each subscription would be four times as many.
        assert len(gc.get_objects()) - objects - log < SOCKETS * ROUNDS / 2
        async with raw_socket(where.port) as socket:
            await socket.init(ADA)
            socket.subscribe("{ __typename }")
            assert (await socket.receive())["type"] == "next"


async def test_nothing_is_left_to_the_cyclic_collector() -> None:
    wire = LiveWire()
    ours = (
        HttpProtocol,
        WebSocketProtocol,
        ServerProtocol,
        SocketSession,
        ResponseStream,
        UserFeed,
    )

    def left() -> int:
        return sum(issubclass(type(each), ours) for each in gc.get_objects())

    async with listening(wire.app) as where:
        gc.collect()
        before = left()  # what other tests hold
        gc.disable()
        try:
            async with raw_socket(where.port) as socket:
                await socket.init(ADA)
                socket.subscribe(EVENTS)
                await eventually(lambda: wire.telemetry.subscriptions.total() == 1)
                wire.grow(ADA, 1)
                assert (await socket.receive())["type"] == "next"
            async with raw_socket(where.port) as socket:
                socket.frame(RESERVED_OPCODE, b"")
                assert (await socket.closed())[0] == CloseCode.PROTOCOL_ERROR
            for accept in ("text/event-stream", "multipart/mixed"):
                async with raw_response(where.port, ADA, accept, EVENTS) as response:
                    await eventually(lambda: wire.telemetry.subscriptions.total() == 1)
                    wire.grow(ADA, 1)
                    await response.until(b"providerEvents")
                await eventually(lambda: wire.telemetry.subscriptions.total() == 0)
            await eventually(lambda: left() <= before)
        finally:
            gc.enable()
