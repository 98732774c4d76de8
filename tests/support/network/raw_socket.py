"""A WebSocket client (RFC 6455) that sends what a test wants, also what no client should."""

import asyncio
import base64
import contextlib
import json
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

Json: TypeAlias = Any

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
DEADLINE = 10.0
SUBPROTOCOL = "graphql-transport-ws"


@dataclass(frozen=True)
class Closed(Exception):
    """The server's close frame; 1006 when the connection ended without one."""

    code: int
    reason: str


class RawSocket:
    """Frames in, frames out."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.status = 0
        self.head = ""

    def ask(self, headers: dict[str, str]) -> None:
        """Asks for a WebSocket."""
        lines = {
            "host": "unplug.test",
            "upgrade": "websocket",
            "connection": "Upgrade",
            "sec-websocket-key": base64.b64encode(os.urandom(16)).decode(),
            "sec-websocket-version": "13",
            "sec-websocket-protocol": SUBPROTOCOL,
        } | headers
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
        self.writer.write(f"GET /graphql HTTP/1.1\r\n{text}\r\n".encode())

    async def handshake(self, headers: dict[str, str]) -> None:
        """Asks, and reads the answer."""
        self.ask(headers)
        async with asyncio.timeout(DEADLINE):
            self.head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        self.status = int(self.head.split(" ", 2)[1])

    def frame(self, opcode: int, payload: bytes, *, fin: bool = True) -> None:
        """One frame, masked with zeros."""
        length = len(payload)
        if length < 126:
            size = bytes([0x80 | length])
        elif length < 1 << 16:
            size = b"\xfe" + struct.pack("!H", length)
        else:
            size = b"\xff" + struct.pack("!Q", length)
        self.writer.write(bytes([(0x80 if fin else 0) | opcode]) + size + bytes(4) + payload)

    def send(self, *messages: Json) -> None:
        """Each as JSON; text and bytes as they are."""
        for message in messages:
            text = message if isinstance(message, str | bytes) else json.dumps(message)
            self.frame(TEXT, text if isinstance(text, bytes) else text.encode())

    async def next_frame(self) -> tuple[int, bytes]:
        async with asyncio.timeout(DEADLINE):
            head = await self.reader.readexactly(2)
            length = head[1] & 0x7F
            if length == 126:
                (length,) = struct.unpack("!H", await self.reader.readexactly(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", await self.reader.readexactly(8))
            return head[0] & 0x0F, await self.reader.readexactly(length)

    async def receive(self) -> Json:
        """The next message; raises `Closed`. Answers pings."""
        while True:
            try:
                opcode, payload = await self.next_frame()
            except (asyncio.IncompleteReadError, ConnectionError):
                raise Closed(1006, "") from None
            if opcode == TEXT:
                return json.loads(payload)
            if opcode == PING:
                self.frame(PONG, payload)
            if opcode == CLOSE:
                with contextlib.suppress(ConnectionError):
                    self.frame(CLOSE, payload)
                code = struct.unpack("!H", payload[:2])[0] if payload else 1005
                raise Closed(code, payload[2:].decode())

    async def closed(self) -> tuple[int, str]:
        """The close frame that must come next."""
        try:
            message = await self.receive()
        except Closed as closed:
            return closed.code, closed.reason
        raise AssertionError(f"not closed, but {message}")

    async def init(self, token: object) -> None:
        """Says who asks, and waits for the acknowledgement."""
        self.send({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}})
        assert await self.receive() == {"type": "connection_ack"}

    def subscribe(self, query: str, id_: str = "1", **variables: object) -> None:
        payload = {"query": query, "variables": variables}
        self.send({"id": id_, "type": "subscribe", "payload": payload})


async def connect(
    port: int, *, small: bool = False
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection; a `small` one takes little that the test doesn't read."""
    if not small:
        return await asyncio.open_connection("127.0.0.1", port)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    return await asyncio.open_connection(sock=sock, limit=4096)


@asynccontextmanager
async def raw_socket(port: int, *, small: bool = False, **headers: str) -> AsyncIterator[RawSocket]:
    """Connected, the handshake done; gone without a close frame at the end."""
    reader, writer = await connect(port, small=small)
    client = RawSocket(reader, writer)
    try:
        await client.handshake({name.replace("_", "-"): value for name, value in headers.items()})
        yield client
    finally:
        writer.transport.abort()
