"""Subscribers from a process of their own: sockets that count and check their frames.

`python -m benchmarks.ws_load PLAN.json` opens the sockets, runs the commands over HTTP, waits until
every socket has every frame, and prints a report. A frame too few, too many or out of order is an
error.
"""

import asyncio
import base64
import gc
import json
import math
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import uvloop

ACK = b'"connection_ack"'
PONG = b'"pong"'
LAST = '{"type":"ping"}'
"""As a socket's last message: it is ready when all that comes before has been taken in."""
NEXT = b'"next"'
POSITION = b'"position":'
PING = 0x89
"""A control frame's first byte: servers look whether a client is alive."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to open and to send.

    Socket `n` sends `messages[n % len(messages)]`, one text frame each, after the handshake. With
    `together`, what follows the first is sent when all are open, and the time counts from there.
    `requests` are HTTP requests, sent in turn over `connections` connections, `rate` of them a
    second (as fast as they are answered when 0). Delays count after `warm_up` seconds. Each socket
    then waits for `frames[n % len]` frames. `idle` more sockets only subscribe, with
    `idle_messages`. With `hold` all stay open until standard input ends.
    """

    port: int
    sockets: int
    messages: list[list[str]]
    frames: list[int]
    requests: list[str]
    expect: str
    connections: int = 4
    rate: float = 0.0
    warm_up: float = 0.0
    idle: int = 0
    idle_messages: list[str] | None = None
    deadline: float = 120.0
    together: bool = False
    hold: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What arrived: frames, and seconds from the first request to the last frame.

    `delays` are milliseconds from an event's `occurredAt` to its frame, at the 50th and 99th
    percentile; 0 when the frames carry no time.
    """

    frames: int
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Frames a second."""
        return self.frames / self.seconds


class WrongFrames(Exception):
    """A run with an error in it is no result."""


class _Socket(asyncio.Protocol):
    """A WebSocket client (RFC 6455) as small as it can be: its mask is zero, it reads text."""

    def __init__(self, run: "_Run", messages: list[str], frames: int) -> None:
        self._run = run
        self._messages = messages
        self._buffer = b""
        self._open = False
        self._positions: dict[bytes, int] = {}
        """The last one of each subscription."""
        self._missing = frames
        self.ready = asyncio.get_running_loop().create_future()
        self.done = asyncio.get_running_loop().create_future()
        if not frames:
            self.done.set_result(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET /graphql HTTP/1.1\r\nhost: 127.0.0.1:{self._run.plan.port}\r\n"
            f"upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-key: {key}\r\n"
            "sec-websocket-version: 13\r\n"
            "sec-websocket-protocol: graphql-transport-ws\r\n\r\n".encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        error = WrongFrames(f"the server hung up: {exc}")
        for future in (self.ready, self.done):
            if not future.done():
                future.set_exception(error)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._open:
            head, separator, rest = self._buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            if b" 101 " not in head:
                raise WrongFrames(head.decode(errors="replace"))
            self._open, self._buffer = True, rest
            self._send(self._messages[0])
        buffer, at = self._buffer, 0
        while (frame := _frame(buffer, at)) is not None:
            is_ping = buffer[at] == PING
            start, at = frame
            if is_ping:
                self._pong(buffer[start:at])
            else:
                self._received(buffer[start:at])
        self._buffer = buffer[at:]

    def _received(self, text: bytes) -> None:
        if NEXT in text:
            self._run.frame(text)
            position = int(text.split(POSITION, 1)[1].split(b",", 1)[0].split(b"}", 1)[0])
            operation = text.partition(b',"type"')[0]
            last = self._positions.get(operation, 0)
            if position <= last:
                self._run.fail(WrongFrames(f"position {position} after {last}"))
            self._positions[operation] = position
            self._missing -= 1
            if self._missing == 0:
                self.done.set_result(None)
            elif self._missing < 0:
                self._run.fail(WrongFrames("a frame too many"))
        elif ACK in text:
            if not self._run.plan.together:
                self.go_on()
            if self._messages[-1] != LAST:
                self.ready.set_result(None)
        elif PONG in text:
            self.ready.set_result(None)
        elif b'"ping"' not in text:
            self._run.fail(WrongFrames(text[:300].decode(errors="replace")))

    def go_on(self) -> None:
        """Sends what follows the acknowledgement."""
        for message in self._messages[1:]:
            self._send(message)

    def _pong(self, payload: bytes) -> None:
        self._transport.write(bytes([0x8A, 0x80 | len(payload)]) + bytes(4) + payload)

    def _send(self, message: str) -> None:
        payload = message.encode()
        length = len(payload)
        head = (
            bytes([0x81, 0x80 | length])
            if length < 126
            else b"\x81\xfe" + length.to_bytes(2, "big")
        )
        self._transport.write(head + bytes(4) + payload)


def _frame(buffer: bytes, at: int) -> tuple[int, int] | None:
    if len(buffer) - at < 2:
        return None
    length, start = buffer[at + 1], at + 2
    if length == 126:
        length, start = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
    elif length == 127:
        length, start = int.from_bytes(buffer[at + 2 : at + 10], "big"), at + 10
    end = start + length
    return (start, end) if end <= len(buffer) else None


class _Run:
    def __init__(self, plan: Plan, clock: Callable[[bytes], float | None]) -> None:
        self.plan = plan
        self.frames = 0
        self.delays: list[float] = []
        self._clock = clock
        self._warm_at = math.inf
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def frame(self, text: bytes) -> None:
        self.frames += 1
        if time.perf_counter() >= self._warm_at and (delay := self._clock(text)) is not None:
            self.delays.append(delay)

    def fail(self, error: Exception) -> None:
        if not self._failure.done():
            self._failure.set_exception(error)

    async def __call__(self) -> Report:
        plan = self.plan
        sockets = [
            await self._open(
                plan.messages[n % len(plan.messages)], plan.frames[n % len(plan.frames)]
            )
            for n in range(plan.sockets)
        ]
        for _ in range(plan.idle):
            await self._open(plan.idle_messages or [], 0)
        gc.collect()
        gc.disable()  # its pauses would count as the server's
        print("ready", flush=True)
        if plan.hold:
            await asyncio.to_thread(sys.stdin.read)
        started = time.perf_counter()
        self._warm_at = started + plan.warm_up
        if plan.together:
            for socket in sockets:
                socket.go_on()
        await self._guard(self._commands(), *(socket.done for socket in sockets))
        seconds = time.perf_counter() - started
        ordered = sorted(self.delays) or [0.0]
        return Report(
            frames=self.frames,
            seconds=seconds,
            p50=ordered[len(ordered) // 2] * 1000,
            p99=ordered[len(ordered) * 99 // 100] * 1000,
        )

    async def _open(self, messages: list[str], frames: int) -> _Socket:
        loop = asyncio.get_running_loop()
        _, socket = await loop.create_connection(
            lambda: _Socket(self, messages, frames), "127.0.0.1", self.plan.port
        )
        await self._guard(socket.ready)
        return socket

    async def _guard(self, *work: Awaitable[object]) -> None:
        async with asyncio.timeout(self.plan.deadline):
            gathered: asyncio.Future[Any] = asyncio.gather(*work)
            waited: set[asyncio.Future[Any]] = {gathered, self._failure}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if self._failure.done():
                self._failure.result()
            await gathered

    async def _commands(self) -> None:
        plan, pending = self.plan, iter(enumerate(self.plan.requests))
        started = time.perf_counter()

        async def client() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", plan.port)
            for n, request in pending:
                if plan.rate:
                    await asyncio.sleep(max(0.0, started + n / plan.rate - time.perf_counter()))
                writer.write(request.encode())
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
                body = await reader.readexactly(length)
                if plan.expect.encode() not in body:
                    raise WrongFrames((head + body)[:800].decode(errors="replace"))
            writer.close()

        await asyncio.gather(*(client() for _ in range(plan.connections)))


def delay(text: bytes) -> float | None:
    """Seconds since the `occurredAt` in a frame, which is shortly before its commit."""
    _, found, rest = text.partition(b'"occurredAt":"')
    if not found:
        return None
    occurred = datetime.fromisoformat(rest.split(b'"', 1)[0].decode())
    return time.time() - occurred.timestamp()


async def run(plan: Plan) -> Report:
    """Opens, sends, waits; raises `WrongFrames`."""
    return await _Run(plan, delay if plan.rate else lambda _: None)()


def main() -> None:
    """Plan in, report out."""
    plan = Plan(**json.loads(Path(sys.argv[1]).read_text()))
    print(json.dumps(asdict(uvloop.run(run(plan)))))


if __name__ == "__main__":
    main()
