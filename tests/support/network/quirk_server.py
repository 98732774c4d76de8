"""An HTTP server on the loopback that answers as tests tell it: slowly, wrongly or not at all."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request as it came in. Header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def json(self) -> object:
        return json.loads(self.body)


Answer: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class QuirkServer:
    """`answer` is given to every request that `answers`, in order, leaves over."""

    scheme: str
    port: int = 0
    answer: Answer = field(default_factory=lambda: reply(200))
    answers: list[Answer] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while no connection is open."""
    _open: int = 0

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open += 1
        self.idle.clear()
        try:
            while (request := await _request(reader)) is not None:
                self.received.append(request)
                await (self.answers.pop(0) if self.answers else self.answer)(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
            self._open -= 1
            if not self._open:
                self.idle.set()


@contextlib.asynccontextmanager
async def quirk_server(
    answer: Answer | None = None, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[QuirkServer]:
    """Runs until the end of the block; connections that are open then are cut."""
    quirks = QuirkServer("http" if tls is None else "https")
    if answer is not None:
        quirks.answer = answer
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(quirks.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, host, 0, ssl=tls)
    quirks.port = server.sockets[0].getsockname()[1]
    try:
        yield quirks
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def reply(status: int, body: object = b"", headers: Mapping[str, str] | None = None) -> Answer:
    """A whole response; what is not bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {"content-length": str(len(content)), **(headers or {})}

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_head(status, lines) + content)
        await writer.drain()

    return answer


def hang() -> Answer:
    """Nothing, until the client gives up."""

    async def answer(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    return answer


def late(seconds: float, answer: Answer) -> Answer:
    """An answer that takes its time."""

    async def answer_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        await answer(reader, writer)

    return answer_late


def drip(pieces: Iterator[bytes], seconds: float, length: int = 1_000_000) -> Answer:
    """A head, and then a piece of the body every few seconds."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_head(200, {"content-length": str(length)}))
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reader.read(), seconds)
                return

    return answer


def flood(*, chunked: bool = True, size: int = 1 << 30) -> Answer:
    """A body that has no end, or is as large as its head says."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        piece = b"x" * 65_536
        if chunked:
            writer.write(_head(200, {"transfer-encoding": "chunked"}))
            piece = b"%x\r\n%b\r\n" % (len(piece), piece)
        else:
            writer.write(_head(200, {"content-length": str(size)}))
        while True:
            writer.write(piece)
            await writer.drain()

    return answer


def cut(sent: bytes = b"") -> Answer:
    """The connection ends after these bytes."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()
        raise ConnectionAbortedError

    return answer


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Quirk\r\n{lines}\r\n".encode()


async def _request(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.rstrip("\r\n").split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    method, target, _ = first.split(" ")
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method=method, target=target, headers=headers, body=body)
