"""The parts that run commands and write what they change."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from uuid_utils.compat import uuid7

from domain.commands.disconnect_all_providers import (
    BatchOutcome,
    DisconnectAllProviders,
    DisconnectAllProvidersHandler,
)
from domain.commands.disconnect_provider import DisconnectProviderHandler
from domain.commands.errors import DatabaseError
from domain.events import RecordedEvent
from domain.ports import EventBus, PendingRevocations
from domain.result import Failure
from infrastructure.command_runner import OnePerUser, together
from infrastructure.database.database import Database
from infrastructure.observability.metrics import Metrics
from infrastructure.persistence.event_bus import WriterEventBus
from infrastructure.persistence.event_log import TortoiseEventLog
from infrastructure.persistence.open_attempts import OpenAttempts
from infrastructure.persistence.pending_revocations import QueuedRevocations
from infrastructure.persistence.provider_connections import TortoiseProviderConnectionRepository
from infrastructure.persistence.writer import Writer
from infrastructure.running_commands import AttemptNotes, RunningCommands


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """One node's commands, and what they read and write."""

    repository: TortoiseProviderConnectionRepository
    commands: RunningCommands
    disconnect_all: Callable[[DisconnectAllProviders], Awaitable[BatchOutcome]]
    attempts: OpenAttempts
    bus: EventBus
    revocations: PendingRevocations
    probe: Callable[[], Awaitable[None]]
    """Raises `StorageError` when a write would be refused now."""


@asynccontextmanager
async def writing(
    database: Database,
    on_committed: Callable[[Sequence[RecordedEvent]], None],
    metrics: Metrics,
) -> AsyncIterator[Writing]:
    """Takes commands until the context ends; those that are running then are finished first."""
    async with AsyncExitStack() as stack:
        writer = await stack.enter_async_context(Writer(database.store, on_committed=on_committed))
        repository = TortoiseProviderConnectionRepository(
            database.client, writer, database.revocations
        )
        attempts = OpenAttempts(database.store, writer, now=now, new_id=uuid7)
        notes = AttemptNotes(WriterEventBus(database.client, writer))
        handler = DisconnectProviderHandler(repository, notes, now=now, new_id=uuid7)
        commands = await stack.enter_async_context(
            RunningCommands(handler, notes, attempts.close, metrics.command_finished)
        )
        all_of_a_user = DisconnectAllProvidersHandler(
            handler, repository, notes, TortoiseEventLog(database.client), together
        )
        yield Writing(
            repository=repository,
            commands=commands,
            disconnect_all=partial(_disconnect_all, commands, OnePerUser(), all_of_a_user),
            attempts=attempts,
            bus=notes,
            revocations=QueuedRevocations(database.revocations, writer),
            probe=writer.probe,
        )


async def _disconnect_all(
    commands: RunningCommands,
    turns: OnePerUser,
    handler: DisconnectAllProvidersHandler,
    command: DisconnectAllProviders,
) -> BatchOutcome:
    """In doubt after the deadline: sweeps close what is open, a repetition finishes the rest."""
    return await commands.runner.run(
        partial(turns.run, handler), command, lambda: Failure(error=DatabaseError())
    )


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)
