"""`unplug serve`: a node from its start to its end."""

import asyncio
from collections.abc import Callable
from socket import socket

import structlog
import uvloop

from domain.ports import StorageError
from infrastructure.adapters import catalogue, require_keys, user_trust
from infrastructure.app import create_app
from infrastructure.commands.start_checks import allow_open_files, described, refuse_shared_address
from infrastructure.commands.stop_deadline import stop_deadline
from infrastructure.database.database import serving
from infrastructure.failures import DatabaseUnavailable
from infrastructure.server.listening import listen, origin_of
from infrastructure.server.uvicorn_server import Lifecycle, serve
from infrastructure.settings import Settings

_log = structlog.get_logger(__name__)


def run_node(settings: Settings, host: str, port: int) -> None:
    """Serves until it is told to stop. Raises `OperatorError`."""
    require_keys(user_trust(settings))
    catalogue(settings)
    refuse_shared_address(settings, host, port)
    with (
        listen(host, port) as server,
        stop_deadline() as stopping,
        serving(settings.database_url.get_secret_value()),
    ):
        serve_on(server, settings, started=lambda: None, stopping=stopping)
    _log.info("stopped")


def serve_on(
    server: socket,
    settings: Settings,
    *,
    started: Callable[[], None],
    stopping: Callable[[], None],
) -> None:
    """Serves on a socket that is bound already. Raises `OperatorError`."""
    allow_open_files(settings)

    def log_and_tell() -> None:
        _log.info("started", address=origin_of(server), **described(settings))
        started()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(server, settings, log_and_tell, stopping))


async def _serve(
    server: socket,
    settings: Settings,
    started: Callable[[], None],
    stopping: Callable[[], None],
) -> None:
    try:
        async with create_app(settings) as app:
            await serve(
                app,
                server,
                Lifecycle(started=started, stopping=stopping, drain=app.drain),
                on_stall=app.stalled,
                stall_seconds=settings.slow_reader_seconds,
            )
    except StorageError as error:
        raise DatabaseUnavailable(str(error)) from None
