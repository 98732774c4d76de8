"""Which service is asking, and what the resolvers may use to answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import strawberry

from domain.commands.connect_provider import ConnectOutcome, ConnectProvider
from domain.commands.disconnect_all_providers import BatchOutcome, DisconnectAllProviders
from domain.commands.disconnect_provider import DisconnectProvider
from domain.commands.disconnect_provider import Outcome as DisconnectOutcome
from domain.commands.record_sync import RecordSync, SyncOutcome
from domain.commands.refresh_credentials import RefreshCredentials, RefreshOutcome
from domain.commands.report_access_lost import ReportAccessLost, ReportOutcome
from domain.ports import (
    Cipher,
    ConnectionRecords,
    ConnectionSecrets,
    CredentialsAudit,
    NewId,
    ProviderConnectionRepository,
    ServiceCaller,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCommands:
    """Each runs its command to the end, also when the client hangs up."""

    connect_provider: Callable[[ConnectProvider], Awaitable[ConnectOutcome]]
    refresh_credentials: Callable[[RefreshCredentials], Awaitable[RefreshOutcome]]
    report_access_lost: Callable[[ReportAccessLost], Awaitable[ReportOutcome]]
    record_sync: Callable[[RecordSync], Awaitable[SyncOutcome]]
    disconnect_provider: Callable[[DisconnectProvider], Awaitable[DisconnectOutcome]]
    disconnect_all_providers: Callable[[DisconnectAllProviders], Awaitable[BatchOutcome]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceServices:
    """What the resolvers work with; the same for every operation."""

    commands: ServiceCommands
    connection_repo: ProviderConnectionRepository
    records: ConnectionRecords
    secrets: ConnectionSecrets
    cipher: Cipher
    audit: CredentialsAudit
    new_id: NewId


@dataclass(slots=True, kw_only=True)
class ServiceContext:
    """One operation of one service. `failures`: codes of expected failures, for the access log."""

    caller: ServiceCaller
    services: ServiceServices
    failures: list[str] = field(default_factory=list)


ServiceInfo: TypeAlias = strawberry.Info[ServiceContext, None]
