"""Record a sync: a back end fetched data through a connection."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from domain.commands.changing import Change, change_connection
from domain.commands.errors import ConnectionDisconnected, ConnectionNotFound, DatabaseError
from domain.identifiers import ConnectionId
from domain.ports import Now, ProviderConnectionRepository
from domain.provider_connection import ConnectionStatus, ProviderConnection
from domain.result import Failure, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSync:
    """Data was fetched at this time (UTC)."""

    connection_id: ConnectionId
    at: datetime


SyncOutcome: TypeAlias = Result[
    ProviderConnection, ConnectionDisconnected | ConnectionNotFound | DatabaseError
]


class RecordSyncHandler:
    """Runs the command.

    1. Find the connection.
    2. Disconnected: nothing is changed.
    3. Save the time of the sync, unless a later one is known. No event.
    4. If its version has moved meanwhile, read again and redo 2.
    """

    def __init__(self, connection_repo: ProviderConnectionRepository, *, now: Now) -> None:
        self._connections = connection_repo
        self._now = now

    async def handle(self, command: RecordSync) -> SyncOutcome:
        """Expected outcomes are returned, never raised."""
        return await change_connection(
            self._connections,
            command.connection_id,
            lambda connection: self._decide(command, connection),
        )

    def _decide(
        self, command: RecordSync, connection: ProviderConnection
    ) -> Change | Failure[ConnectionDisconnected]:
        if connection.status is ConnectionStatus.DISCONNECTED:
            return Failure(error=ConnectionDisconnected())
        return Change(connection=connection.record_sync(command.at, self._now()))
