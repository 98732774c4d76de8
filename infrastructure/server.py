"""uvicorn, under our own signals: a server that was told to stop exits with 0."""

import contextlib
import gc
import signal
import socket
from collections.abc import Callable, Iterator

import structlog
import uvicorn
from starlette.types import ASGIApp

GRACE = 4
"""Seconds for open responses to end after SIGTERM or Ctrl-C; a second Ctrl-C ends them now."""

MAX_MESSAGE_BYTES = 64 * 1024

_log = structlog.get_logger(__name__)


class CannotListen(Exception):
    """The address is taken, or not this machine's."""


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one. Raises `CannotListen`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.socket(family)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind((host, port))
    except OSError as error:
        server.close()
        raise CannotListen(f"Can't listen on {host}:{port}: {error.strerror or error}.") from None
    return server


def origin_of(server: socket.socket) -> str:
    """Where browsers on this machine reach it, such as `http://127.0.0.1:8000`."""
    host, port = server.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (compared, not bound)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve(app: ASGIApp, server: socket.socket, on_started: Callable[[], None]) -> None:
    """Serves until SIGTERM or SIGINT, then lets open responses end within `GRACE`."""
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,  # 40 KiB for each socket
        ws_max_size=MAX_MESSAGE_BYTES,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    await _Server(config, on_started).serve(sockets=[server])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn's own raises the signal again when all is done, and exits with its number."""
        before = {
            number: signal.signal(number, self.handle_exit)
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What start-up left behind lives as long as the process: the collector need not look at it.
        gc.collect()
        gc.freeze()
        _log.info("started", address=origin_of(sockets[0]) if sockets else None)
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        _log.info("stopping")
        await super().shutdown(sockets)
