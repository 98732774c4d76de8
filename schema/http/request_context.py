"""One HTTP request and the response to it, on plain ASGI."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Generic

from graphql import GraphQLError
from starlette.types import Message, Receive, Scope, Send

from domain.ports import CallerT
from schema.admission.body_budget import BodyShare
from schema.admission.origins import Header
from schema.errors import Limit, bad_user_input, too_complex
from schema.execution.gateway import Call
from schema.http.browser_page import BrowserPage

POLICY = b"content-security-policy"
SECURITY_HEADERS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (POLICY, b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
"""For responses that are data and never a page."""

CLOSE: Header = (b"connection", b"close")


class Gone(Exception):
    """The client hung up before its request was complete."""


class HttpRefused(Exception):
    """A request that is not run, with the status and headers that say so."""

    def __init__(
        self, status: int, errors: Sequence[GraphQLError], headers: Sequence[Header] = ()
    ) -> None:
        super().__init__("request refused")
        self.status = status
        self.errors = errors
        self.headers = headers


class Exchange(Generic[CallerT]):
    """A request, read at most once, and its response, begun at most once.

    `headers` have lower-case names; the last of several with one name counts. `common` headers
    are sent with every response. `call` is what the gateway knows of it.
    """

    __slots__ = (
        "_receive",
        "_send",
        "call",
        "common",
        "headers",
        "responding",
        "scope",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, call: Call[CallerT]) -> None:
        self.call = call
        self.scope = scope
        self._receive = receive
        self._send = send
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.common: Sequence[Header] = SECURITY_HEADERS
        self.responding = False

    async def body(self, limit: int, timeout: float, share: BodyShare) -> bytes:
        """The whole body: `limit` bytes at most, complete within `timeout` seconds.

        Stops reading as soon as it is known to be too much. Raises `HttpRefused`, `Gone`, or the
        budget's `Refused`.
        """
        length = self.headers.get(b"content-length", b"")
        if len(length) > len(str(limit)) or (length.isdigit() and int(length) > limit):
            raise _too_large(limit)
        try:
            async with asyncio.timeout(timeout):
                return await self._body(limit, share)
        except TimeoutError:
            error = bad_user_input("The request body did not arrive in time.")
            raise HttpRefused(408, [error], [CLOSE]) from None

    async def _body(self, limit: int, share: BodyShare) -> bytes:
        body = bytearray()
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Gone
            chunk: bytes = message.get("body", b"")
            if len(body) + len(chunk) > limit:
                raise _too_large(limit)
            share.take(len(chunk))
            if not message.get("more_body", False):
                return bytes(body) + chunk if body else chunk
            body += chunk

    async def disconnected(self) -> None:
        """Returns when the client has hung up. Not to be used while the body is being read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def respond(
        self, status: int, content_type: str, body: bytes, headers: Sequence[Header] = ()
    ) -> None:
        """The whole response."""
        length = (b"content-length", str(len(body)).encode())
        await self.start(status, content_type, (length, *headers))
        await self._send({"type": "http.response.body", "body": body})

    async def show(self, page: BrowserPage) -> None:
        """The whole response: a page instead of data, with the policy that it needs."""
        others = (header for header in self.common if header[0] != POLICY)
        self.common = (*others, (POLICY, page.policy.encode()))
        await self.respond(page.status, "text/html; charset=utf-8", page.html.encode())

    async def start(self, status: int, content_type: str, headers: Iterable[Header] = ()) -> None:
        """The head of a response; its body follows by `send`."""
        self.responding = True
        message: Message = {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", content_type.encode()),
                (b"x-request-id", self.call.request_id.encode()),
                *self.common,
                *headers,
            ],
        }
        await self._send(message)

    async def send(self, chunk: bytes, *, more: bool = True) -> None:
        """A piece of a streamed body; the last one says `more=False`."""
        await self._send({"type": "http.response.body", "body": chunk, "more_body": more})


def _too_large(limit: int) -> HttpRefused:
    return HttpRefused(413, [too_complex(Limit.BODY, limit)], [CLOSE])


def retry_after(errors: Sequence[GraphQLError]) -> Header:
    """The header for errors that say when to try again; after a second if they don't."""
    seconds = max((error.extensions or {}).get("retryAfter", 1) for error in errors)
    return (b"retry-after", str(seconds).encode())
