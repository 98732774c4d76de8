"""Where all parts meet."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from uuid_utils.compat import uuid7

from domain.commands.disconnect_provider import DisconnectProviderHandler
from domain.events import RecordedEvent
from infrastructure import adapters
from infrastructure.database.database import open_database
from infrastructure.database.postgres.database import PostgresDatabase
from infrastructure.failures import OperatorError, SchemaOutdated
from infrastructure.live.event_feed import LiveEventFeed
from infrastructure.live.event_tail import EventTail
from infrastructure.live.sweep import Sweep
from infrastructure.live.wake_ups import WakeUps
from infrastructure.observability.health import Health
from infrastructure.observability.logging import access_logger
from infrastructure.observability.metrics import Metrics, metrics_server
from infrastructure.persistence.event_bus import WriterEventBus
from infrastructure.persistence.event_log import TortoiseEventLog
from infrastructure.persistence.open_attempts import OpenAttempts
from infrastructure.persistence.provider_connections import TortoiseProviderConnectionRepository
from infrastructure.persistence.writer import Writer
from infrastructure.running_commands import RunningCommands
from infrastructure.security.identity import access_tokens
from infrastructure.settings import Settings
from infrastructure.web.page import page_routes
from schema.admission.access_log import AccessLog
from schema.admission.draining import OpenStreams
from schema.asgi import WireSettings, graphql_app
from schema.build import build_schema
from schema.execution.document_limits import DocumentLimits
from schema.http.endpoint import HttpLimits
from schema.viewer.context import Services
from schema.websocket.services import SocketLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """One node: an ASGI app whose parts are running."""

    asgi: ASGIApp
    commands: RunningCommands
    streams: OpenStreams
    metrics: Metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI app, without a lifespan of its own: `create_app` is it."""
        await self.asgi(scope, receive, send)

    async def drain(self) -> None:
        """Running commands finish, and are answered; sockets and streams end so that their clients
        come back."""
        await asyncio.gather(self.commands.drain(), self.streams.end())

    def stalled(self) -> None:
        """A client that did not read was cut off."""
        self.metrics.limit_hit("stalled")


@contextlib.asynccontextmanager
async def create_app(settings: Settings) -> AsyncIterator[App]:
    """Opens the database, starts everything, and closes it again in the reverse order.

    Raises `StorageError` when the database can't be reached, and `OperatorError`: its schema is
    outdated, no setting says which tokens are accepted, the metrics' address can't be bound.
    """
    tokens = access_tokens(adapters.token_trust(settings))
    metrics = Metrics()
    async with contextlib.AsyncExitStack() as stack:
        _serve_metrics(settings, metrics, stack)
        database = await stack.enter_async_context(
            open_database(
                settings.database_url.get_secret_value(), adapters.postgres_options(settings)
            )
        )
        if not await database.schema_is_current():
            raise SchemaOutdated
        if isinstance(database, PostgresDatabase):
            metrics.watch_pool(database.connections_used, database.connections_idle)
        log = TortoiseEventLog(database.client)
        wake_ups = adapters.wake_ups(settings, metrics)
        stack.push_async_callback(wake_ups.aclose)
        feed = LiveEventFeed(log, EventTail(), wake_ups)
        stack.push_async_callback(feed.aclose)
        writer = Writer(database.store, on_committed=_Committed(feed, wake_ups, metrics))
        writer.start()
        stack.push_async_callback(writer.aclose)
        await wake_ups.start()
        repository = TortoiseProviderConnectionRepository(database.client, writer)
        handler = DisconnectProviderHandler(
            repository, WriterEventBus(writer), now=_now, new_id=uuid7
        )
        stack.push_async_callback(handler.aclose)
        attempts = OpenAttempts(database.store, writer, now=_now, new_id=uuid7)
        if settings.database_file is not None:
            await attempts.close_abandoned(None)  # whoever opened them is dead
        sweep = Sweep(feed, log, attempts.close_abandoned, metrics)
        sweep.start()
        stack.push_async_callback(sweep.aclose)
        commands = RunningCommands(handler, metrics.command_finished)
        streams = OpenStreams()
        health = Health(database.schema_is_current, lambda: _degraded(wake_ups))
        asgi = graphql_app(
            build_schema(),
            Services(
                disconnect_provider=commands,
                connection_repo=repository,
                connections=repository,
                events=log,
                feed=feed,
                new_id=uuid7,
            ),
            tokens,
            _wire(settings),
            access_log=AccessLog(access_logger(level=settings.log_level or "info")),
            telemetry=metrics,
            streams=streams,
            otherwise=Starlette(routes=[*health.routes(), *_page(settings)]),
        )
        yield App(asgi=asgi, commands=commands, streams=streams, metrics=metrics)


def sdl() -> str:
    """The schema in GraphQL's schema definition language."""
    return build_schema().as_str()


class _Committed:
    """After each commit: what was written is known here, then whoever waits for it is woken."""

    def __init__(self, feed: LiveEventFeed, wake_ups: WakeUps, metrics: Metrics) -> None:
        self._feed = feed
        self._wake_ups = wake_ups
        self._metrics = metrics

    def __call__(self, recorded: Sequence[RecordedEvent]) -> None:
        self._metrics.batch_committed(len(recorded))
        self._feed.committed(recorded)
        self._wake_ups.send({item.event.user_id for item in recorded})


def _serve_metrics(settings: Settings, metrics: Metrics, stack: contextlib.AsyncExitStack) -> None:
    if settings.metrics_address is None:
        return
    host, port = settings.metrics_address
    try:
        stack.enter_context(metrics_server(metrics, host, port))
    except OSError as error:
        raise OperatorError(
            f"Can't serve metrics on {host}:{port}: {error.strerror or error}."
        ) from None


def _now() -> datetime:
    return datetime.now(UTC)


def _degraded(wake_ups: WakeUps) -> Sequence[str]:
    return [] if wake_ups.healthy else ["wake_ups"]


def _page(settings: Settings) -> Sequence[BaseRoute]:
    return page_routes() if settings.page else []


def _wire(settings: Settings) -> WireSettings:
    introspection = bool(settings.introspection)
    return WireSettings(
        document=DocumentLimits(
            tokens=settings.max_document_tokens,
            depth=settings.max_depth,
            aliases=settings.max_aliases,
            root_fields=settings.max_root_fields,
            directives=settings.max_directives,
        ),
        http=HttpLimits(body=settings.max_body_bytes),
        sockets=SocketLimits(
            sockets=settings.max_sockets,
            sockets_per_user=settings.max_sockets_per_user,
            operations=settings.max_subscriptions_per_socket,
            messages_per_second=settings.max_messages_per_second,
        ),
        mutations_per_second=settings.max_mutations_per_second,
        hide_suggestions=not introspection,
        introspection=introspection,
        allowed_origins=settings.allowed_origins,
    )
