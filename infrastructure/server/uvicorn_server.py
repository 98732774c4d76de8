"""uvicorn under our own signal handlers: a server that is told to stop exits with 0."""

import asyncio
import contextlib
import gc
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from types import FrameType

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from infrastructure.server.client_limits import ClientLimits
from infrastructure.server.http_protocol import HttpProtocol, http_protocol
from infrastructure.server.websocket_protocol import websocket_protocol

DRAIN_SECONDS = 2.0
"""After SIGTERM or Ctrl-C: for commands to finish and streams to end."""

ANSWER_SECONDS = 0.5
"""After that: for other requests to be answered. The rest are cut."""

GRACE_SECONDS = 1
"""After that: for clients to read their responses."""

_CUT = b"""{"errors":[{"message":"The server is stopping. Repeat the request.",\
"extensions":{"code":"INTERNAL_SERVER_ERROR"}}]}"""

MAX_MESSAGE_BYTES = 64 * 1024

COLLECT_AFTER = (2_000, 5, 50)
"""For `gc.set_threshold`: the cyclic collector looks at new objects when 2,000 came and stayed, at
newer ones with every sixth of these looks, at all with every fifty-first of those.

Sockets whose handshake succeeds, and operations without an error, leave it nothing. A look costs
some 0.4 ms for each thousand objects, a socket has eighty, and by default it looks at all of them
seven times as often.
"""

SWITCH_SECONDS = 0.0001
"""For `sys.setswitchinterval`: how long the event loop keeps SQLite's thread waiting.

A commit lets go of the interpreter's lock some ten times, and waits for it as often when the loop
is busy. By default, 5 ms each, it takes 80 ms beside a fan-out to thousands of subscriptions.
"""

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_log = structlog.get_logger(__name__)


def server_config(app: ASGIApp, limits: ClientLimits) -> uvicorn.Config:
    """How our server speaks."""
    return uvicorn.Config(
        app,
        http=http_protocol(limits),
        ws=websocket_protocol(limits),
        timeout_keep_alive=limits.keep_alive_seconds,
        ws_per_message_deflate=False,  # 40 KiB for each socket
        ws_max_size=MAX_MESSAGE_BYTES,
        proxy_headers=False,  # neither the client's address nor the scheme is looked at
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """What a server calls: once it accepts requests, on a signal to stop, and to drain."""

    started: Callable[[], None]
    stopping: Callable[[], None]
    drain: Callable[[], Coroutine[None, None, None]]


async def serve(
    app: ASGIApp, sockets: list[socket.socket], lifecycle: Lifecycle, limits: ClientLimits
) -> None:
    """Serves until SIGTERM, SIGINT or SIGHUP.

    Then it accepts nothing more, drains (commands finish, streams end), answers what is left, and
    lets clients read: within `DRAIN_SECONDS`, `ANSWER_SECONDS` and `GRACE_SECONDS`.
    """
    await _Server(server_config(app, limits), lifecycle).serve(sockets=sockets)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, lifecycle: Lifecycle) -> None:
        super().__init__(config)
        self._lifecycle = lifecycle

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn's own raises the signal again when all is done, and exits with its number."""
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._lifecycle.stopping()
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What start-up left behind lives as long as the process: the collector need not look at it.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECT_AFTER)
        sys.setswitchinterval(SWITCH_SECONDS)
        self._lifecycle.started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        _log.info("stopping")
        for listener in self.servers:
            listener.close()
        for connection in tuple(self.server_state.connections):
            if isinstance(connection, HttpProtocol):
                connection.shutdown()  # no more requests on it, or commands would never end
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._lifecycle.drain(), DRAIN_SECONDS)
        await self._cut()
        await super().shutdown(sockets)

    async def _cut(self) -> None:
        """uvicorn would answer what it cancels with a plain-text 500."""
        tasks = tuple(self.server_state.tasks)
        if not tasks or not (await asyncio.wait(tasks, timeout=ANSWER_SECONDS))[1]:
            return
        for connection in tuple(self.server_state.connections):
            if isinstance(connection, HttpProtocol):
                await _answer_cut(connection)
        for task in tasks:
            task.cancel()


async def _answer_cut(connection: HttpProtocol) -> None:
    """Answers a request whose response has not started."""
    cycle: RequestResponseCycle | None = connection.cycle
    if cycle is None or cycle.response_started or cycle.disconnected:
        return
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(_CUT)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await cycle.send({"type": "http.response.start", "status": 503, "headers": headers})
    await cycle.send({"type": "http.response.body", "body": _CUT, "more_body": False})
