"""A socket is sent anything: nothing breaks, nothing is left, and the next client is served."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from typing import Any, Self

import pytest
import structlog
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.asgi import WireSettings
from schema.websocket.operations import SocketLimits
from tests.integration.odd_requests import dumped, fuzzing, json_values, mostly, requests
from tests.support.network.listening import listening
from tests.support.network.raw_socket import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    Closed,
    RawSocket,
    connect,
    raw_socket,
)
from tests.unit.schema.wire import ADA, Wire

CODES = {1000, 1002, 1005, 1007, 1009, 1013, 4400, 4401, 4403, 4409, 4429}
LIMITS = SocketLimits(messages_per_second=1_000_000, operations=3)

ids = mostly(st.sampled_from(["1", "2", "é\n\x00", "x" * 256]), json_values)
payloads = st.dictionaries(st.text(), json_values, max_size=3)
authorizations = st.fixed_dictionaries({"authorization": st.just(f"Bearer {ADA}") | json_values})
messages = st.one_of(
    st.fixed_dictionaries({"type": st.just("subscribe"), "id": ids, "payload": requests}),
    st.fixed_dictionaries({"type": st.just("complete"), "id": ids}),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["ping", "pong"])}, optional={"payload": payloads}
    ),
    st.fixed_dictionaries({"type": st.just("connection_init"), "payload": authorizations}),
)
texts = mostly(
    messages.map(dumped), json_values.map(dumped) | st.binary() | st.text().map(str.encode)
)
frames = st.tuples(
    st.sampled_from([TEXT, BINARY, 0, CLOSE, PING, PONG, 0x3, 0xF]), st.booleans(), texts
)


class Served:
    """The app on a real server, under one event loop."""

    def __init__(self) -> None:
        self.wire = Wire(
            WireSettings(
                sockets=LIMITS, mutations_per_second=1_000_000, rows_per_second=1_000_000_000
            )
        )
        self.wire.connect(ADA, 1)
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self.stack = contextlib.AsyncExitStack()

    def __enter__(self) -> Self:
        self.port = self.runner.run(self._start())
        return self

    def __exit__(self, *exc: object) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()

    async def _start(self) -> int:
        where = await self.stack.enter_async_context(
            listening(self.wire.app, frames_per_second=1_000_000)
        )
        self._tasks = len(asyncio.all_tasks())
        return where.port

    def check(self, frames: list[tuple[int, bool, bytes]], *, initialised: bool) -> None:
        """Sends them to a new socket, and a good request to another."""
        with structlog.testing.capture_logs() as logs:
            self.runner.run(self._check(frames, initialised))
        assert {entry["event"] for entry in logs} <= {"operation"}

    async def _check(self, frames: list[tuple[int, bool, bytes]], initialised: bool) -> None:
        async with raw_socket(self.port) as socket:
            if initialised:
                await socket.init(ADA)
            with contextlib.suppress(ConnectionError, RuntimeError):
                for opcode, fin, payload in frames:
                    socket.frame(opcode, payload, fin=fin)
                socket.frame(CLOSE, b"\x03\xe8")
            assert await _end(socket) in CODES
        await self._still_serves()

    async def _still_serves(self) -> None:
        async with raw_socket(self.port) as socket:
            await socket.init(ADA)
            socket.subscribe("{ __typename }")
            assert (await socket.receive())["payload"] == {"data": {"__typename": "Query"}}
        async with asyncio.timeout(5):
            while len(asyncio.all_tasks()) > self._tasks:  # noqa: ASYNC110 (there is no event for it)
                await asyncio.sleep(0)
        assert self.wire.telemetry.subscriptions.total() == 0
        assert len(self.wire.streams) == 0

    def check_bytes(self, before: bytes, after: bytes) -> None:
        """Sends bytes before the handshake is answered, and after it."""
        self.runner.run(self._check_bytes(before, after))

    async def _check_bytes(self, before: bytes, after: bytes) -> None:
        reader, writer = await connect(self.port)
        socket = RawSocket(reader, writer)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, RuntimeError):
                shaken = asyncio.create_task(socket.handshake({}))
                await asyncio.sleep(0)
                writer.write(before)
                await shaken
                writer.write(after)
                writer.write_eof()
                await asyncio.wait_for(reader.read(), 5)
        finally:
            writer.transport.abort()
        await self._still_serves()


async def _end(socket: RawSocket) -> int:
    """The code that the server closes with, after everything else that it sends."""
    try:
        while True:
            await socket.receive()
    except Closed as closed:
        return 1000 if closed.code == 1006 else closed.code


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with Served() as served:
        yield served


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No traceback: not of the server, and not of an exception that was never retrieved."""
    with caplog.at_level(logging.WARNING):
        yield
    assert caplog.get_records("call") == []  # `records` are those of the teardown by now


@settings(fuzzing, max_examples=700)
@given(texts=st.lists(texts, min_size=3, max_size=6), initialised=st.booleans())
def test_any_message(served: Served, texts: list[bytes], initialised: bool) -> None:
    served.check([(TEXT, True, text) for text in texts], initialised=initialised)


@settings(fuzzing, max_examples=200)
@given(frames=st.lists(frames, max_size=6), initialised=st.booleans())
def test_any_frames(
    served: Served, frames: list[tuple[int, bool, bytes]], initialised: bool
) -> None:
    served.check(frames, initialised=initialised)


@settings(fuzzing, max_examples=300)
@given(before=st.just(b"") | st.binary(), after=st.binary())
def test_any_bytes(served: Served, before: bytes, after: bytes) -> None:
    served.check_bytes(before, after)


def test_a_close_frame_in_the_middle_of_everything(served: Served) -> None:
    invalid: Any = (TEXT, True, b"\xff")
    for tail in ([(CLOSE, True, b"")], [(CLOSE, True, b"\x03\xe8")], [(TEXT, True, b"{}")] * 3):
        served.check([invalid, *tail], initialised=True)
