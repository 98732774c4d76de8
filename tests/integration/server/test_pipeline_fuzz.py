"""Requests pipelined on one connection, good and bad, in pieces: those before the first bad one are
answered in order, nothing is left, and the next client is served."""

import asyncio
import contextlib
import itertools
import logging
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.asgi import WireSettings
from tests.integration.odd_requests import fuzzing
from tests.support.network.listening import listening
from tests.support.network.raw_socket import raw_socket
from tests.unit.schema.wire import ADA, Wire

HEAD = b"POST /graphql HTTP/1.1\r\nhost: unplug.test\r\ncontent-type: application/json\r\n"
BEARER = b"authorization: Bearer %s\r\n" % str(ADA).encode()
STATUSES = {b"200", b"400", b"401", b"413", b"415", b"431", b"501", b"505"}
QUERY = b'{"query":"{ %s: __typename }"}'
STREAM = b'{"query":"subscription { providerEvents { position } }"}'
UPGRADE = (
    b"GET /graphql HTTP/1.1\r\nhost: unplug.test\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"
)


@dataclass(frozen=True)
class Sent:
    """A request, and what its answer holds; None when it ends what is answered for certain."""

    text: bytes
    answer: bytes | None


@st.composite
def good(draw: st.DrawFn) -> Sent:
    """By its length or in chunks, perhaps with trailers that would be another user's."""
    name = draw(st.from_regex(rb"[a-z]{8}", fullmatch=True))
    body = QUERY % name
    lines = HEAD + BEARER + draw(st.sampled_from([b"", b"expect: 100-continue\r\n"]))
    if draw(st.booleans()):
        return Sent(lines + b"content-length: %d\r\n\r\n" % len(body) + body, b'"%s"' % name)
    chunks, rest = b"", body
    while rest:
        size = draw(st.integers(1, len(rest)))
        chunks += b"%x\r\n%s\r\n" % (size, rest[:size])
        rest = rest[size:]
    trailer = draw(st.sampled_from([b"", b"authorization: Bearer x\r\n", b"x-a: b\r\nhost: c\r\n"]))
    return Sent(
        lines + b"transfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n" + trailer + b"\r\n",
        b'"%s"' % name,
    )


unanswered = st.sampled_from(
    [
        HEAD + b"\r\n",
        HEAD + BEARER * 2 + b"content-length: 2\r\n\r\n{}",
        HEAD.replace(b"host", b"toast") + BEARER + b"content-length: 2\r\n\r\n{}",
        HEAD.replace(b"1.1", b"2.0") + b"\r\n",
        HEAD + BEARER + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        HEAD + BEARER + b"content-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}",
        HEAD + BEARER + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
        HEAD + BEARER + b"content-length: 100\r\n\r\n{",
        HEAD + BEARER + b"accept: text/event-stream\r\ncontent-length: %d\r\n\r\n" % len(STREAM)
        + STREAM,
        UPGRADE,
        b"x: y\r\n" * 20_000,
        b"\r\n" * 100,
    ]
)  # fmt: skip
bad = (unanswered | st.binary()).map(lambda text: Sent(text, None))


class Served:
    """The app on a real server, under one event loop."""

    def __init__(self) -> None:
        self.wire = Wire(WireSettings(rows_per_second=1_000_000_000))
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self.stack = contextlib.AsyncExitStack()

    def __enter__(self) -> Self:
        self.where = self.runner.run(self.stack.enter_async_context(listening(self.wire.app)))
        return self

    def __exit__(self, *exc: object) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()

    async def exchange(self, sent: list[Sent], cuts: list[int]) -> bytes:
        """Sends them in pieces; what comes back until everything is answered, or the server ends.

        With calls of the operating system: streams forget what has come when a write is refused.
        """
        text = b"".join(one.text for one in sent)
        loop = asyncio.get_running_loop()
        with socket.create_connection(("127.0.0.1", self.where.port)) as client:
            client.setblocking(False)
            with contextlib.suppress(ConnectionError):
                for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
                    await asyncio.wait_for(loop.sock_sendall(client, text[start:end]), 5)
            received = b""
            expected = answered_for_certain(sent)
            with contextlib.suppress(ConnectionError):
                while received.count(b'"Query"') < expected:
                    part = await asyncio.wait_for(loop.sock_recv(client, 65_536), 5)
                    if not part:
                        break
                    received += part
        await self._nothing_is_left()
        return received

    async def _nothing_is_left(self) -> None:
        async with raw_socket(self.where.port) as other:
            await other.init(ADA)
            other.subscribe("{ __typename }")
            assert (await other.receive())["payload"] == {"data": {"__typename": "Query"}}
        async with asyncio.timeout(5):
            while self.where.connections or len(self.wire.streams):  # noqa: ASYNC110 (there is no event for it)
                await asyncio.sleep(0)
        assert self.wire.telemetry.subscriptions.total() == 0


def answered_for_certain(sent: list[Sent]) -> int:
    return len(list(itertools.takewhile(lambda one: one.answer is not None, sent)))


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with Served() as served:
        yield served


@pytest.fixture(autouse=True)
def _no_traceback(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.ERROR):
        yield
    assert caplog.get_records("call") == []


@settings(fuzzing, max_examples=150, derandomize=True)
@given(
    before=st.lists(good(), max_size=4),
    then=st.lists(good() | bad, max_size=4),
    cuts=st.lists(st.floats(0, 1), max_size=8),
)
def test_what_stands_before_a_bad_request_is_answered(
    served: Served, before: list[Sent], then: list[Sent], cuts: list[float]
) -> None:
    sent = before + then
    length = sum(len(one.text) for one in sent)
    received = served.runner.run(served.exchange(sent, sorted(int(cut * length) for cut in cuts)))
    place = 0
    for one in before:
        place = received.find(one.answer or b"", place) + 1
        assert place > 0, received
    for line in received.split(b"HTTP/1.1 ")[1:]:
        assert line[:3] in STATUSES | {b"100", b"101"}, line
