"""`unplug serve`: a node from its start to its end."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from socket import socket

import structlog
import uvloop

from domain.ports import StorageError
from infrastructure.adapters import catalogue, require_keys, user_trust
from infrastructure.app import create_app
from infrastructure.app.application import App
from infrastructure.commands.start_checks import allow_open_files, described, refuse_shared_address
from infrastructure.commands.stop_deadline import stop_deadline
from infrastructure.database.database import serving
from infrastructure.failures import DatabaseUnavailable
from infrastructure.observability.metrics import Metrics
from infrastructure.providers.catalogue import Catalogue
from infrastructure.server.client_limits import ClientLimits, UnreadBudget
from infrastructure.server.listening import listen, origin_of
from infrastructure.server.uvicorn_server import Lifecycle, serve
from infrastructure.settings import Settings
from infrastructure.web.ide import Ide

_log = structlog.get_logger(__name__)


def run_node(settings: Settings, host: str, port: int) -> None:
    """Serves until it is told to stop. Raises `OperatorError`."""
    require_keys(user_trust(settings))
    providers = catalogue(settings)
    refuse_shared_address(settings, host, port)
    with (
        listen(host, port) as server,
        _service_socket(settings) as service,
        stop_deadline() as stopping,
        serving(settings.database_url.get_secret_value()),
    ):
        sockets = Sockets(server, service)
        started = partial(log_started, sockets, settings)
        allow_open_files(settings)
        events = NodeEvents(started=started, stopping=stopping)
        serve_on(sockets, settings, Content(catalogue=providers), events)
    _log.info("stopped")


@dataclass(frozen=True, slots=True)
class Sockets:
    """The server's own, and the services' if there is one."""

    server: socket
    service: socket | None = None

    @property
    def all(self) -> list[socket]:
        """Both."""
        return [self.server] if self.service is None else [self.server, self.service]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What is served beside what the settings say. `ide` is for browsers at `/graphql`."""

    catalogue: Catalogue
    ide: Ide | None = None


def _service_socket(settings: Settings) -> AbstractContextManager[socket | None]:
    address = settings.service_address
    return nullcontext() if address is None else listen(*address)


def log_started(sockets: Sockets, settings: Settings, **more: object) -> None:
    """Where it listens, and what it works with."""
    addresses = {"address": origin_of(sockets.server)}
    if sockets.service is not None:
        addresses["service_address"] = origin_of(sockets.service)
    _log.info("started", **addresses, **described(settings), **more)


def _not_published(_: Metrics) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeEvents:
    """What a node calls: once it accepts requests, on a signal to stop, and with its metrics."""

    started: Callable[[], None]
    stopping: Callable[[], None]
    publish: Callable[[Metrics], AbstractContextManager[None]] = _not_published


def serve_on(sockets: Sockets, settings: Settings, content: Content, events: NodeEvents) -> None:
    """Serves on sockets that are bound already. Raises `OperatorError`."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(sockets, settings, content, events))


async def _serve(
    sockets: Sockets, settings: Settings, content: Content, events: NodeEvents
) -> None:
    service_port = sockets.service.getsockname()[1] if sockets.service else None
    try:
        async with create_app(
            settings, service_port=service_port, catalogue=content.catalogue, ide=content.ide
        ) as app:
            with events.publish(app.metrics):
                await serve(
                    app,
                    sockets.all,
                    Lifecycle(started=events.started, stopping=events.stopping, drain=app.drain),
                    _client_limits(settings, app),
                )
    except StorageError as error:
        raise DatabaseUnavailable(str(error)) from None


def _client_limits(settings: Settings, app: App) -> ClientLimits:
    return ClientLimits(
        stall_seconds=settings.slow_reader_seconds,
        keep_alive_seconds=settings.keep_alive_seconds,
        frames_per_second=settings.max_messages_per_second,
        unread=UnreadBudget(settings.max_unread_bytes),
        on_cut=app.cut_off,
    )
