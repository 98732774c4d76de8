"""The product without a database, on its own server: `python -m benchmarks.product PORT`."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import uvloop
from starlette.applications import Starlette
from starlette.types import ASGIApp
from uuid_utils.compat import uuid7

from domain.commands.disconnect_provider import DisconnectedProvider, DisconnectProvider, Outcome
from domain.events import ProviderDisconnectionSucceeded, RecordedEvent
from domain.identifiers import EventId, ProviderId, UserId
from domain.ports import AccessToken
from domain.provider_connection import ConnectionStatus, ProviderConnection
from domain.result import Success
from infrastructure.observability.access_log import JsonAccessLog
from infrastructure.observability.logging import configure_logging
from infrastructure.observability.metrics import Metrics
from infrastructure.server.client_limits import ClientLimits
from infrastructure.server.listening import listen
from infrastructure.server.uvicorn_server import Lifecycle, serve
from schema.asgi import Observers, WireSettings, graphql_app, viewer_gateway
from schema.build import build_schema
from schema.viewer.context import Services

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
USER = UserId(UUID(int=7))


async def _do_nothing(command: DisconnectProvider, /) -> Outcome:
    connection = ProviderConnection(
        id=command.connection_id,
        user_id=command.user_id,
        provider_id=ProviderId(UUID(int=1)),
        provider_slug="schwab",
        status=ConnectionStatus.DISCONNECTED,
        created_at=LONG_AGO,
        updated_at=LONG_AGO,
        connected_at=LONG_AGO,
        disconnected_at=LONG_AGO,
    )
    event = ProviderDisconnectionSucceeded(
        id=EventId(command.attempt_id),
        occurred_at=LONG_AGO,
        user_id=command.user_id,
        connection_id=command.connection_id,
        attempt_id=command.attempt_id,
        provider=None,
    )
    recorded = RecordedEvent(event=event, position=1)
    return Success(value=DisconnectedProvider(connection=connection, recorded=recorded))


class _Tokens:
    async def verify(self, _token: str, /) -> AccessToken[UserId] | None:
        return AccessToken(caller=USER, expires_at=datetime.now(UTC) + timedelta(hours=1))


def no_op() -> ASGIApp:
    """The whole wire with a handler that does nothing."""
    configure_logging()
    services = Services(
        disconnect_provider=_do_nothing,
        disconnect_all_providers=cast("Any", None),
        connection_repo=cast("Any", None),
        connections=cast("Any", None),
        events=cast("Any", None),
        feed=cast("Any", None),
        new_id=uuid7,
    )
    settings = WireSettings(mutations_per_second=1_000_000)  # all of them are one user's
    observers = Observers(access_log=JsonAccessLog(), telemetry=Metrics())
    gateway = viewer_gateway(build_schema(), services, _Tokens(), settings, observers)
    return graphql_app(gateway, settings, observers, uuid7, Starlette())


def main() -> None:
    """Serves until it is terminated."""
    with listen("127.0.0.1", int(sys.argv[1])) as socket:
        lifecycle = Lifecycle(
            started=lambda: None, stopping=lambda: None, drain=lambda: asyncio.sleep(0)
        )
        serving = serve(no_op(), [socket], lifecycle, ClientLimits())
        uvloop.run(serving)


if __name__ == "__main__":
    main()
