"""A port's real adapter and its fake, made and filled in the same way."""

import asyncio
from collections.abc import Sequence
from contextlib import closing
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Protocol

from domain.events import (
    FailureReason,
    ProviderDisconnectionAttempted,
    ProviderDisconnectionFailed,
    ProviderDisconnectionSucceeded,
    ProviderRef,
    RecordedEvent,
)
from domain.identifiers import AttemptId, ConnectionId, UserId
from domain.ports import (
    BatchLog,
    ConnectionList,
    ConnectionRecords,
    ConnectionSecrets,
    EventBus,
    EventLog,
    PendingRevocations,
    ProviderConnectionRepository,
)
from domain.provider_connection import ConnectionStatus, ProviderConnection, ProviderCredentials
from infrastructure.commands.audit.trail import AllEvents
from infrastructure.commands.rotate_keys import StoredCredentials
from infrastructure.database.revocations import RevocationQueue
from infrastructure.database.sqlite.connection import connect
from infrastructure.database.sqlite.database import SqliteDatabase
from infrastructure.database.sqlite.migrate import migrate_sqlite
from infrastructure.live.event_feed import LiveEventFeed
from infrastructure.live.sweep import Heads
from infrastructure.persistence.all_events import TortoiseAllEvents
from infrastructure.persistence.event_bus import WriterEventBus
from infrastructure.persistence.event_log import TortoiseEventLog
from infrastructure.persistence.pending_revocations import QueuedRevocations
from infrastructure.persistence.provider_connections import TortoiseProviderConnectionRepository
from infrastructure.persistence.stored_credentials import TortoiseStoredCredentials
from infrastructure.persistence.writer import Writer
from tests.support.fakes import world as memory
from tests.support.fakes.connections import (
    InMemoryProviderConnectionRepository,
    InMemoryStoredCredentials,
)
from tests.support.fakes.events import InMemoryAllEvents, InMemoryEventBus, InMemoryEventLog
from tests.support.fakes.pending_revocations import InMemoryPendingRevocations
from tests.support.fakes.revocations import InMemoryRevocationQueue
from tests.support.ids import a_connection, a_provider, an_attempt, an_event

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PROVIDER = ProviderRef(id=a_provider(77), slug="schwab")
_seconds = count()


class Connections(
    ProviderConnectionRepository, ConnectionList, ConnectionRecords, ConnectionSecrets, Protocol
):
    """The ports that one adapter implements."""


class Log(EventLog, BatchLog, Protocol):
    """The ports that one adapter implements."""


class World:
    """The ports over one database that is empty at first."""

    connections: Connections
    bus: EventBus
    log: Log
    heads: Heads
    all_events: AllEvents
    credentials: StoredCredentials
    queue: RevocationQueue
    revocations: PendingRevocations
    feed: LiveEventFeed | None = None
    """Is told what is committed; None stands for another node, whose wake-ups get lost."""

    @classmethod
    async def open(cls, folder: Path) -> "World":
        raise NotImplementedError

    async def add(self, *connections: ProviderConnection) -> None:
        """Connections that are there already."""
        raise NotImplementedError

    async def back_up(self) -> None:
        """Keeps all that is in the database now."""
        raise NotImplementedError

    async def restore(self) -> None:
        """Puts what was kept in place of what is there, while the ports stay open."""
        raise NotImplementedError

    async def aclose(self) -> None:
        raise NotImplementedError

    def committed(self, recorded: Sequence[RecordedEvent]) -> None:
        """This process has committed these events."""
        if self.feed is not None:
            self.feed.committed(recorded)


class FakeWorld(World):
    """In memory."""

    def __init__(self) -> None:
        self._world = memory.World()
        self.connections = InMemoryProviderConnectionRepository(self._world)
        self.bus = InMemoryEventBus(self._world)
        self.log = self.heads = InMemoryEventLog(self._world)
        self.all_events = InMemoryAllEvents(self._world)
        self.credentials = InMemoryStoredCredentials(self._world)
        world = self._world
        self.queue = InMemoryRevocationQueue(world.revocations, world.connections)
        self.revocations = InMemoryPendingRevocations(world, self.queue)
        self._world.on_recorded = lambda recorded: self.committed([recorded])

    @classmethod
    async def open(cls, folder: Path) -> "FakeWorld":  # noqa: ARG003 (needs none)
        return cls()

    async def add(self, *connections: ProviderConnection) -> None:
        self._world.insert(*connections)

    async def back_up(self) -> None:
        kept = (self._world.logs, self._world.recorded, self._world.open_attempts)
        self._backup = deepcopy(kept)

    async def restore(self) -> None:
        kept = deepcopy(self._backup)
        self._world.logs, self._world.recorded, self._world.open_attempts = kept

    async def aclose(self) -> None:
        await self._world.heal()


class SqliteWorld(World):
    """In a file."""

    def __init__(self, database: SqliteDatabase, path: Path) -> None:
        self._database = database
        self._path, self._backup = path, path.with_suffix(".backup")
        self._writer = Writer(database.store, self.committed)
        self.connections = TortoiseProviderConnectionRepository(
            database.client, self._writer, database.revocations
        )
        self.bus = WriterEventBus(database.client, self._writer)
        self.log = self.heads = TortoiseEventLog(database.client)
        self.all_events = TortoiseAllEvents(database.client)
        self.credentials = TortoiseStoredCredentials(database.client, database.store)
        self.queue = database.revocations
        self.revocations = QueuedRevocations(database.revocations, self._writer)

    @classmethod
    async def open(cls, folder: Path) -> "SqliteWorld":
        path = folder / "unplug.sqlite3"
        migrate_sqlite(path)
        world = cls(await SqliteDatabase.open(path), path)
        await world._writer.__aenter__()
        return world

    async def add(self, *connections: ProviderConnection) -> None:
        await self._database.store.insert(connections)

    async def back_up(self) -> None:
        await asyncio.to_thread(_copy, self._path, self._backup)

    async def restore(self) -> None:
        """With SQLite's backup API, which changes the file under open connections."""
        await asyncio.to_thread(_copy, self._backup, self._path)

    async def aclose(self) -> None:
        await self._writer.__aexit__()
        await self._database.aclose()


def _copy(source: Path, target: Path) -> None:
    with closing(connect(source)) as read, closing(connect(target)) as written:
        read.backup(written)


def active(user_id: UserId, *, created_at: datetime | None = None) -> ProviderConnection:
    """An active connection with everything filled in; each is created a second after the last."""
    return ProviderConnection(
        id=a_connection(),
        user_id=user_id,
        provider_id=PROVIDER.id,
        provider_slug=PROVIDER.slug,
        status=ConnectionStatus.ACTIVE,
        alias="Café 🦊",
        created_at=created_at or NOW + timedelta(seconds=next(_seconds)),
        updated_at=NOW,
        connected_at=NOW + timedelta(microseconds=1),
        last_sync_at=NOW,
        credentials=ProviderCredentials(
            encrypted_data=b"\x00ciphertext\xff",
            credential_type="oauth2",
            expires_at=NOW + timedelta(days=1),
        ),
    )


def attempted(
    user_id: UserId,
    connection_id: ConnectionId,
    *,
    attempt_id: AttemptId | None = None,
    provider: ProviderRef | None = None,
) -> ProviderDisconnectionAttempted:
    """A new attempt."""
    return ProviderDisconnectionAttempted(
        id=an_event(),
        occurred_at=NOW,
        user_id=user_id,
        connection_id=connection_id,
        attempt_id=attempt_id or an_attempt(),
        provider=provider,
    )


def succeeded(attempt: ProviderDisconnectionAttempted) -> ProviderDisconnectionSucceeded:
    """Its good end."""
    return ProviderDisconnectionSucceeded(
        id=an_event(),
        occurred_at=NOW,
        user_id=attempt.user_id,
        connection_id=attempt.connection_id,
        attempt_id=attempt.attempt_id,
        provider=attempt.provider,
    )


def failed(attempt: ProviderDisconnectionAttempted) -> ProviderDisconnectionFailed:
    """Its bad end."""
    return ProviderDisconnectionFailed(
        id=an_event(),
        occurred_at=NOW,
        user_id=attempt.user_id,
        connection_id=attempt.connection_id,
        attempt_id=attempt.attempt_id,
        provider=attempt.provider,
        reason=FailureReason.CONNECTION_NOT_FOUND,
    )
