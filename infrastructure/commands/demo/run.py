"""Runs the demo from its start to its end."""

import asyncio
import threading
import webbrowser
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog
import typer
from uuid_utils.compat import uuid7

from domain.identifiers import UserId
from domain.provider_connection import ProviderConnection
from infrastructure.adapters import given_keys, user_trust
from infrastructure.commands.database_setup import prepared
from infrastructure.commands.demo.connections import demo_connections
from infrastructure.commands.demo.instructions import DemoUser, instructions, page_address
from infrastructure.commands.demo.provider import DemoProvider
from infrastructure.commands.demo.settings import TOKEN_LIFE
from infrastructure.commands.serve import Content, NodeEvents, Sockets, log_started, serve_on
from infrastructure.commands.start_checks import allow_open_files, refuse_shared_address
from infrastructure.commands.stop_deadline import stop_deadline
from infrastructure.database.database import serving
from infrastructure.persistence.credentials_keys import CredentialsKeys
from infrastructure.security.issuing import issue
from infrastructure.server.listening import listen, origin_of
from infrastructure.settings import Settings
from infrastructure.web.ide import ide

_log = structlog.get_logger(__name__)


def run_demo(settings: Settings, host: str, port: int, *, browser: bool) -> None:
    """Serves a new demo user and prints what to try. Raises `OperatorError`."""
    refuse_shared_address(settings, host, port)
    with (
        listen(host, port) as server,
        DemoProvider() as provider,
        stop_deadline() as stopping,
        serving(settings.database_url.get_secret_value()),
    ):
        user_id, now = UserId(uuid7()), datetime.now(UTC)
        connections = asyncio.run(_insert(settings, user_id, provider, now))
        sockets = Sockets(server)
        token, origin = issue(user_trust(settings), str(user_id), TOKEN_LIFE), origin_of(server)

        def started() -> None:
            log_started(sockets, settings)
            user = DemoUser(id=user_id, token=token, connections=connections)
            typer.echo(instructions(origin, provider.url, user))
            if browser:
                _open(page_address(origin, token))

        allow_open_files(settings)
        content = Content(catalogue=provider.catalogue(), ide=ide(token))
        serve_on(sockets, settings, content, NodeEvents(started=started, stopping=stopping))
    _log.info("stopped")


async def _insert(
    settings: Settings, user_id: UserId, provider: DemoProvider, now: datetime
) -> Sequence[ProviderConnection]:
    async with prepared(settings) as database:
        cipher = await CredentialsKeys(database).open(given_keys(settings))
        connections = demo_connections(user_id, provider.grant, cipher.encrypt, now)
        await database.store.insert(connections)
    return connections


def _open(address: str) -> None:
    """Only in a browser with a window: one that runs in the terminal would take it over."""
    try:
        found = webbrowser.get()
    except webbrowser.Error:
        return
    if type(found) is not webbrowser.GenericBrowser:
        threading.Thread(target=found.open, args=(address,), daemon=True).start()
