"""A node, from its start to its end: `serve` and `demo`."""

import asyncio
import threading
import webbrowser
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from socket import socket

import structlog
import typer
import uvloop
from uuid_utils.compat import uuid7

from domain.identifiers import UserId
from domain.ports import StorageError
from domain.provider_connection import ProviderConnection
from infrastructure.app import create_app
from infrastructure.commands.database_setup import cipher, prepared
from infrastructure.commands.demo.demo import (
    TOKEN_LIFE,
    demo_connections,
    instructions,
    page_address,
)
from infrastructure.database.database import serving
from infrastructure.failures import Failed
from infrastructure.security.identity import access_tokens, issue
from infrastructure.server.uvicorn_server import listen, origin_of, serve
from infrastructure.settings import Settings

_log = structlog.get_logger(__name__)


def run_node(settings: Settings, host: str, port: int) -> None:
    """Serves until it is told to stop. Raises `Failed` or `SettingsError`."""
    access_tokens(settings)
    with listen(host, port) as server, serving(_url(settings)):
        _run(settings, server, lambda: None)
    _log.info("stopped")


def run_demo(settings: Settings, host: str, port: int, *, browser: bool) -> None:
    """The same with a fresh user, who is told what to try. Raises `Failed`."""
    with listen(host, port) as server, serving(_url(settings)):
        user_id, now = UserId(uuid7()), datetime.now(UTC)
        connections = demo_connections(user_id, cipher(settings).encrypt, now)
        asyncio.run(_insert(settings, connections))
        token, origin = issue(settings, user_id, TOKEN_LIFE), origin_of(server)

        def started() -> None:
            typer.echo(instructions(origin, user_id, token, connections))
            if browser:
                _open(page_address(origin, token))

        _run(settings, server, started)
    _log.info("stopped")


def _run(settings: Settings, server: socket, on_started: Callable[[], None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, server, on_started))


async def _serve(settings: Settings, server: socket, on_started: Callable[[], None]) -> None:
    try:
        async with create_app(settings) as app:
            await serve(
                app,
                server,
                on_started,
                drain=app.drain,
                on_stall=app.stalled,
                stall_seconds=settings.slow_reader_seconds,
            )
    except StorageError:
        raise Failed("The database can't be reached; see UNPLUG_DATABASE_URL.") from None


async def _insert(settings: Settings, connections: Sequence[ProviderConnection]) -> None:
    async with prepared(settings) as database:
        await database.store.insert(connections)


def _open(address: str) -> None:
    """In a browser with a window: one that runs in the terminal would take it over."""
    try:
        found = webbrowser.get()
    except webbrowser.Error:
        return
    if type(found) is not webbrowser.GenericBrowser:
        threading.Thread(target=found.open, args=(address,), daemon=True).start()


def _url(settings: Settings) -> str:
    return settings.database_url.get_secret_value()
