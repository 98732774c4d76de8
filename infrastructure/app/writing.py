"""The parts that run commands and write what they change."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from uuid_utils.compat import uuid7

from domain.commands.disconnect_provider import DisconnectProviderHandler
from domain.events import RecordedEvent
from domain.ports import EventBus, PendingRevocations
from infrastructure.database.database import Database
from infrastructure.observability.metrics import Metrics
from infrastructure.persistence.event_bus import WriterEventBus
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
        repository = TortoiseProviderConnectionRepository(database.client, writer)
        attempts = OpenAttempts(database.store, writer, now=now, new_id=uuid7)
        notes = AttemptNotes(WriterEventBus(database.client, writer))
        handler = DisconnectProviderHandler(repository, notes, now=now, new_id=uuid7)
        commands = await stack.enter_async_context(
            RunningCommands(handler, notes, attempts.close, metrics.command_finished)
        )
        yield Writing(
            repository=repository,
            commands=commands,
            attempts=attempts,
            bus=notes,
            revocations=QueuedRevocations(database.revocations, writer),
            probe=writer.probe,
        )


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)
