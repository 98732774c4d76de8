"""The parts that serve back ends, on an address of their own."""

from dataclasses import dataclass
from functools import partial

from starlette.types import ASGIApp
from uuid_utils.compat import uuid7

from domain.commands.connect_provider import (
    ConnectOutcome,
    ConnectProvider,
    ConnectProviderHandler,
)
from domain.commands.errors import DatabaseError
from domain.commands.record_sync import RecordSyncHandler
from domain.commands.refresh_credentials import RefreshCredentialsHandler
from domain.commands.report_access_lost import ReportAccessLostHandler
from domain.ports import Cipher
from domain.result import Failure
from infrastructure import adapters
from infrastructure.app.wire import wire_settings
from infrastructure.app.writing import Writing, now
from infrastructure.command_runner import wait_for_grant
from infrastructure.observability.access_log import JsonAccessLog, JsonCredentialsAudit
from infrastructure.observability.metrics import Metrics
from infrastructure.security.identity import service_tokens
from infrastructure.security.signing_keys import VerificationKeys
from infrastructure.settings import Settings
from schema.asgi import Observers, service_app, service_gateway
from schema.build import build_service_schema
from schema.service.context import ServiceCommands, ServiceServices

IN_DOUBT = DatabaseError()


@dataclass(frozen=True, slots=True, kw_only=True)
class BackEnds:
    """The services' app, and the local port by which its requests are told from users'."""

    app: ASGIApp
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BackEndParts:
    """What the services' schema works with."""

    writes: Writing
    cipher: Cipher
    keys: VerificationKeys
    metrics: Metrics


def back_ends(settings: Settings, parts: BackEndParts, port: int) -> BackEnds:
    """The services' schema, for this port."""
    repository = parts.writes.repository
    services = ServiceServices(
        commands=_commands(parts.writes),
        connection_repo=repository,
        records=repository,
        secrets=repository,
        cipher=parts.cipher,
        audit=JsonCredentialsAudit(),
        new_id=uuid7,
    )
    access_log = JsonAccessLog(level=settings.log_level or "info", caller="service")
    observers = Observers(access_log=access_log, telemetry=parts.metrics)
    wire = wire_settings(settings)
    tokens = service_tokens(adapters.service_trust(settings), parts.keys)
    gateway = service_gateway(build_service_schema(), services, tokens, wire, observers)
    return BackEnds(app=service_app(gateway, wire, observers, uuid7), port=port)


def _commands(writes: Writing) -> ServiceCommands:
    run, repository = writes.commands.runner.run, writes.repository
    connect = ConnectProviderHandler(
        repository,
        writes.bus,
        partial(wait_for_grant, repository.grant_is_ending),
        now=now,
        new_id=uuid7,
    )
    refresh = RefreshCredentialsHandler(repository, now=now, new_id=uuid7)
    report = ReportAccessLostHandler(repository, now=now, new_id=uuid7)
    sync = RecordSyncHandler(repository, now=now)

    async def connect_provider(command: ConnectProvider) -> ConnectOutcome:
        """In doubt after the deadline: the same attempt may be asked for again."""
        attempt_id = command.attempt_id
        return await run(
            connect.handle, command, lambda: Failure(error=DatabaseError(), attempt_id=attempt_id)
        )

    return ServiceCommands(
        connect_provider=connect_provider,
        refresh_credentials=lambda c: run(refresh.handle, c, lambda: Failure(error=IN_DOUBT)),
        report_access_lost=lambda c: run(report.handle, c, lambda: Failure(error=IN_DOUBT)),
        record_sync=lambda c: run(sync.handle, c, lambda: Failure(error=IN_DOUBT)),
        disconnect_provider=writes.commands,
        disconnect_all_providers=writes.disconnect_all,
    )
