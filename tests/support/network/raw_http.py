"""An HTTP response read piece by piece, as bytes, to see exactly what was sent and when."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

from tests.support.network.raw_socket import DEADLINE, Json, connect


class RawResponse:
    """`body` grows as chunks are read."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.complete = False

    async def read_head(self) -> None:
        async with asyncio.timeout(DEADLINE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        self.status = int(first.split(" ")[1])
        self.headers = {
            name.lower(): value for name, value in (line.split(": ", 1) for line in lines)
        }

    async def chunk(self) -> bytes:
        """The next chunk; empty at the end, whether the body is `complete` or was cut."""
        try:
            async with asyncio.timeout(DEADLINE):
                if "content-length" in self.headers:
                    chunk = await self.reader.readexactly(
                        int(self.headers["content-length"]) - len(self.body)
                    )
                    self.complete = True
                else:
                    size = int(await self.reader.readuntil(b"\r\n"), 16)
                    chunk = (await self.reader.readexactly(size + 2))[:-2]
                    self.complete = size == 0
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        self.body += chunk
        return chunk

    async def until(self, text: bytes) -> bytes:
        """Reads until the body holds this; returns the body."""
        while text not in self.body:
            assert await self.chunk(), self.body
        return self.body

    async def to_the_end(self) -> bytes:
        """Reads all of the body."""
        while await self.chunk():
            pass
        return self.body


@asynccontextmanager
async def raw_response(
    port: int,
    token: object,
    accept: str,
    query: str,
    *,
    get: bool = False,
    small: bool = False,
    variables: Json = None,
    **headers: str,
) -> AsyncIterator[RawResponse]:
    """The response to a GraphQL request; gone at the end of the block."""
    lines = {
        "host": "unplug.test",
        "authorization": f"Bearer {token}",
        "accept": accept,
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    if get:
        start, body = f"GET /graphql?query={quote(query)}", b""
    else:
        start, body = "POST /graphql", _body(query, variables)
        lines |= {"content-type": "application/json", "content-length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    reader, writer = await connect(port, small=small)
    try:
        writer.write(f"{start} HTTP/1.1\r\n{head}\r\n".encode() + body)
        del body
        response = RawResponse(reader, writer)
        await response.read_head()
        yield response
    finally:
        writer.transport.abort()


def _body(query: str, variables: Json) -> bytes:
    return json.dumps({"query": query, "variables": variables}).encode()


def event_data(body: bytes) -> list[Json]:
    """The JSON of all `data` fields of an event stream."""
    lines = body.decode().split("\n")
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


def parts(body: bytes) -> list[Json]:
    """The JSON of all parts of a multipart body."""
    return [
        json.loads(part.partition("\r\n\r\n")[2])
        for part in body.decode().split("\r\n--graphql")
        if part.startswith("\r\ncontent-type: application/json\r\n\r\n")
    ]
