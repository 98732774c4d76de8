"""A flood from a process of its own: `python -m benchmarks.flood_load PORT KIND TOKEN`.

Four connections send as fast as the server takes it, until the process is ended. One that the
server closes is opened again.
"""

import asyncio
import contextlib
import sys

import uvloop

CONNECTIONS = 4
BURST = 256 * 1024
PAUSE = 0.01
"""Seconds until a closed connection is opened again."""

HANDSHAKE = (
    b"GET /graphql HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-protocol: graphql-transport-ws\r\n\r\n"
)
REQUEST = (
    b"POST /graphql HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer %s\r\n"
    b"content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
)
PIPELINED = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"

FLOODS = {
    "pings": (HANDSHAKE, b"", b"\x89\x80\0\0\0\0"),
    "pongs": (HANDSHAKE, b"", b"\x8a\x80\0\0\0\0"),
    "fragments": (HANDSHAKE, b"\x01\x80\0\0\0\0", b"\x00\x80\0\0\0\0"),
    "chunks": (REQUEST, b"", b"1\r\n \r\n"),
    "pipelined requests": (b"", b"", PIPELINED),
    "empty lines": (b"", b"", b"\r\n"),
}
"""What is sent first, what then, and what without an end."""


async def flood(port: int, kind: str, token: bytes) -> None:
    """Never returns."""
    head, first, unit = FLOODS[kind]
    opening = (head % token if b"%s" in head else head) + first
    burst = unit * (BURST // len(unit))
    while True:
        with contextlib.suppress(ConnectionError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(opening)
                while True:
                    writer.write(burst)
                    await writer.drain()
            finally:
                writer.transport.abort()
        await asyncio.sleep(PAUSE)


async def main() -> None:
    """Reads the command line."""
    port, kind, token = int(sys.argv[1]), sys.argv[2], sys.argv[3].encode()
    await asyncio.gather(*(flood(port, kind, token) for _ in range(CONNECTIONS)))


if __name__ == "__main__":
    uvloop.run(main())
