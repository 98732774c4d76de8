"""A server's parts on a SQLite file, wired as the server wires them."""

from datetime import UTC, datetime
from pathlib import Path

from uuid_utils.compat import uuid7

from domain.commands.disconnect_provider import (
    DisconnectProvider,
    DisconnectProviderHandler,
    Outcome,
)
from domain.events import RecordedEvent
from domain.identifiers import ConnectionId, UserId
from infrastructure.database.sqlite.database import SqliteDatabase
from infrastructure.persistence.event_bus import WriterEventBus
from infrastructure.persistence.event_log import TortoiseEventLog
from infrastructure.persistence.open_attempts import OpenAttempts
from infrastructure.persistence.provider_connections import TortoiseProviderConnectionRepository
from infrastructure.persistence.writer import Writer
from tests.support.ids import an_attempt


class Node:
    """One process at work."""

    def __init__(self, path: Path, database: SqliteDatabase) -> None:
        self.path = path
        self.database = database
        self.announced: list[RecordedEvent] = []
        self.writer = Writer(database.store, self.announced.extend)
        self.connections = TortoiseProviderConnectionRepository(
            database.client, self.writer, database.revocations
        )
        self.bus = WriterEventBus(database.client, self.writer)
        self.log = TortoiseEventLog(database.client)
        self.open_attempts = OpenAttempts(database.store, self.writer, now=now, new_id=uuid7)
        self.handler = DisconnectProviderHandler(self.connections, self.bus, now=now, new_id=uuid7)

    async def disconnect(self, user_id: UserId, connection_id: ConnectionId) -> Outcome:
        return await self.handler.handle(
            DisconnectProvider(
                user_id=user_id, connection_id=connection_id, attempt_id=an_attempt()
            )
        )


def now() -> datetime:
    return datetime.now(UTC)
