"""A provider on the loopback that keeps what it is asked, and answers as it is told."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Self
from urllib.parse import parse_qsl

from tests.support.secrecy import CREDENTIAL

DEADLINE = 30.0


class Reply(NamedTuple):
    """A status, and seconds that are asked for in `Retry-After`."""

    status: int = 200
    retry_after: int | None = None


class Asked(NamedTuple):
    """A request to end a token, when it began and when it was answered.

    The token is as tests call it: without the mark that `marked` puts behind it.
    """

    token: str
    began: float
    ended: float


def marked(token: str) -> str:
    """The token as it is handed in."""
    return f"{token}{_MARK}"


_MARK = f".{CREDENTIAL}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that is cut is no fault."""


class Provider:
    """`answer` is given each token; an exception that it raises cuts the connection."""

    def __init__(self, answer: Callable[[str], Reply] = lambda _: Reply()) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self._changed = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), self._handler())

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/revoke"

    def catalogue(self, slug: str = "schwab", **keys: object) -> str:
        """A catalogue's table, in which RFC 7009 is spoken without a client."""
        given = {"endpoint": self.url, "fields": '{ token = "{token}" }'} | keys
        lines = (f"{name} = {_toml(name, value)}" for name, value in given.items())
        return "\n".join((f"[{slug}]", *lines, ""))

    @property
    def tokens(self) -> Counter[str]:
        """How often each token was asked about."""
        return Counter(asked.token for asked in self.asked)

    def wait_for(self, requests: int, within: float = DEADLINE) -> None:
        """Until it has answered so many."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.asked) >= requests, within)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                began = time.monotonic()
                body = self.rfile.read(int(self.headers["content-length"]))
                token = dict(parse_qsl(body.decode()))["token"].removesuffix(_MARK)
                try:
                    reply = provider.answer(token)
                    self.send_response(reply.status)
                    if reply.retry_after is not None:
                        self.send_header("Retry-After", str(reply.retry_after))
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                finally:
                    provider.note(Asked(token, began, time.monotonic()))

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def note(self, asked: Asked) -> None:
        with self._changed:
            self.asked.append(asked)
            self._changed.notify_all()


def _toml(name: str, value: object) -> str:
    if name == "fields":
        return str(value)
    if isinstance(value, Mapping | bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
