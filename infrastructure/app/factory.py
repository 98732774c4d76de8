"""Where all parts meet."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext

from starlette.applications import Starlette
from uuid_utils.compat import uuid7

from domain.events import Initiator, RecordedEvent
from infrastructure import adapters
from infrastructure.app.application import App
from infrastructure.app.back_ends import BackEndParts, back_ends
from infrastructure.app.delivering import delivering
from infrastructure.app.opening import credentials_cipher, current_database
from infrastructure.app.page import page
from infrastructure.app.reading_live import reading_live
from infrastructure.app.revoking import Revoking, revocation_worker
from infrastructure.app.wire import wire_settings
from infrastructure.app.writing import writing
from infrastructure.database.postgres.database import PostgresDatabase
from infrastructure.database.store import Abandoned
from infrastructure.live.sweep import Sweep
from infrastructure.observability.access_log import JsonAccessLog
from infrastructure.observability.health import Health
from infrastructure.observability.metrics import Metrics, metrics_server
from infrastructure.persistence.event_log import TortoiseEventLog
from infrastructure.providers.catalogue import Catalogue
from infrastructure.providers.worker import turns
from infrastructure.security.identity import user_tokens, verification_keys
from infrastructure.security.signing_keys import VerificationKeys
from infrastructure.security.token_trust import TokenTrust
from infrastructure.settings import Settings
from infrastructure.web.ide import Ide
from infrastructure.web.readme import readme_route
from schema.asgi import Observers, graphql_app, viewer_gateway
from schema.build import build_schema, build_service_schema
from schema.viewer.context import Services


@asynccontextmanager
async def create_app(
    settings: Settings,
    *,
    service_port: int | None = None,
    catalogue: Catalogue | None = None,
    ide: Ide | None = None,
) -> AsyncIterator[App]:
    """Opens the database, starts everything, and closes it again in the reverse order.

    `service_port` is the local port of the services' address, when there is one. `catalogue` is
    that of the settings unless another one is given. `ide` is for browsers at `/graphql`. Raises
    `StorageError` when the database can't be reached, and `OperatorError`: its schema is
    outdated, no setting says which tokens are accepted, the metrics' address can't be bound.
    """
    trust = adapters.user_trust(settings)
    adapters.require_keys(trust)
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        stack.enter_context(_metrics_address(settings, metrics))
        database = await stack.enter_async_context(current_database(settings))
        if isinstance(database, PostgresDatabase):
            await database.check_timeouts()
            metrics.watch_pool(database.connections_used, database.connections_idle)
        log = TortoiseEventLog(database.client)
        catalogue = catalogue or adapters.catalogue(settings)
        needs_keys = service_port is not None or bool(turns(catalogue))
        # Before the writer starts: on PostgreSQL they share a connection.
        cipher = await credentials_cipher(settings, database) if needs_keys else None
        revoking = Revoking(catalogue=catalogue, cipher=cipher, due=asyncio.Event())
        keys = await stack.enter_async_context(
            verification_keys(trust.keys, proxies=settings.proxies)
        )
        live = await stack.enter_async_context(reading_live(settings, log, metrics))
        wakes: list[Callable[[], None]] = []

        def committed(recorded: Sequence[RecordedEvent]) -> None:
            live.committed(recorded)
            revoking.committed(recorded)
            for wake in wakes:
                wake()

        writes = await stack.enter_async_context(writing(database, committed, metrics))
        if settings.database_file is not None:
            # This is the file's only server, so the process that opened them has ended.
            # A command line tool beside it closes its own.
            await writes.attempts.close_all(
                Abandoned(initiators=(Initiator.USER, Initiator.SERVICE))
            )
        await stack.enter_async_context(
            Sweep(live.feed, log, writes.attempts.close_abandoned, metrics)
        )
        await stack.enter_async_context(
            revocation_worker(settings, database, writes, metrics, revoking)
        )
        runner = writes.commands.runner
        webhooks = await stack.enter_async_context(
            delivering(settings, database, lambda: runner.is_busy, metrics)
        )
        wakes.append(webhooks.wake)
        served = None
        all_keys = [keys]
        if service_port is not None and cipher is not None:
            service_keys = await stack.enter_async_context(_service_keys(settings, trust, keys))
            all_keys.append(service_keys)
            parts = BackEndParts(writes=writes, cipher=cipher, keys=service_keys, metrics=metrics)
            served = back_ends(settings, parts, service_port)
        health = Health(
            database.schema_is_current,
            writes.probe,
            lambda: [*live.degraded(), *_degraded(all_keys)],
        )
        services = Services(
            disconnect_provider=writes.commands,
            disconnect_all_providers=writes.disconnect_all,
            connection_repo=writes.repository,
            connections=writes.repository,
            events=log,
            feed=live.feed,
            new_id=uuid7,
        )
        wire = wire_settings(settings, ide)
        level = settings.log_level or "info"
        observers = Observers(access_log=JsonAccessLog(level=level), telemetry=metrics)
        gateway = viewer_gateway(
            build_schema(), services, user_tokens(trust, keys), wire, observers
        )
        routes = [*health.routes(), readme_route(), *page(settings, catalogue)]
        otherwise = Starlette(routes=routes)
        asgi = graphql_app(gateway, wire, observers, uuid7, otherwise)
        yield App(asgi=asgi, commands=writes.commands, metrics=metrics, back_ends=served)


def sdl(*, service: bool = False) -> str:
    """The users' or the services' schema in GraphQL's schema definition language."""
    return (build_service_schema() if service else build_schema()).as_str()


def _metrics_address(settings: Settings, metrics: Metrics) -> AbstractContextManager[object]:
    """Serves metrics on an address of their own, if they have one."""
    address = settings.metrics_address
    return nullcontext() if address is None else metrics_server(metrics.registry, *address)


@asynccontextmanager
async def _service_keys(
    settings: Settings, trust: TokenTrust, keys: VerificationKeys
) -> AsyncIterator[VerificationKeys]:
    """The users' keys, unless services' tokens are signed with others. Raises `OperatorError`."""
    own = adapters.service_trust(settings)
    adapters.require_keys(own)
    if own.keys == trust.keys:
        yield keys
        return
    async with verification_keys(own.keys, proxies=settings.proxies) as found:
        yield found


def _degraded(all_keys: Sequence[VerificationKeys]) -> Sequence[str]:
    return [] if all(keys.healthy for keys in all_keys) else ["signing_keys"]
