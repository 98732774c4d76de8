"""Refresh credentials: a back end hands in what the provider gave it for the old ones."""

from dataclasses import dataclass
from typing import TypeAlias

from domain.commands.changing import Change, change_connection, provider_of, revoke_late
from domain.commands.errors import (
    ConnectionDisconnected,
    ConnectionNotActive,
    ConnectionNotFound,
    CredentialsChanged,
    DatabaseError,
)
from domain.events import ProviderAccessRestored
from domain.identifiers import ConnectionId, EventId
from domain.ports import NewId, Now, ProviderConnectionRepository, StorageError
from domain.provider_connection import ConnectionStatus, ProviderConnection, ProviderCredentials
from domain.result import Failure, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshCredentials:
    """Replace the credentials of this version. `credentials` are encrypted already."""

    connection_id: ConnectionId
    credentials_version: int
    credentials: ProviderCredentials


Refused: TypeAlias = ConnectionDisconnected | ConnectionNotActive | CredentialsChanged
RefreshOutcome: TypeAlias = Result[ProviderConnection, Refused | ConnectionNotFound | DatabaseError]


class RefreshCredentialsHandler:
    """Runs the command.

    1. Find the connection.
    2. Disconnected: the credentials came too late. They are revoked, or else not stored.
    3. Pending: it has never been connected, so there is nothing to refresh.
    4. Another version of the credentials: another worker refreshed them.
    5. Save it as active with the new credentials. From active there is no event, because
       the status stays; from any other status it is `ProviderAccessRestored`.
    6. If its version has moved meanwhile, read again and redo 2.
    """

    def __init__(
        self, connection_repo: ProviderConnectionRepository, *, now: Now, new_id: NewId
    ) -> None:
        self._connections = connection_repo
        self._now = now
        self._new_id = new_id

    async def handle(self, command: RefreshCredentials) -> RefreshOutcome:
        """Expected outcomes are returned, never raised."""
        outcome = await change_connection(
            self._connections,
            command.connection_id,
            lambda connection: self._decide(command, connection),
        )
        match outcome:
            case Failure(error=ConnectionDisconnected()):
                return await self._revoke(command)
        return outcome

    async def _revoke(self, command: RefreshCredentials) -> RefreshOutcome:
        try:
            connection = await self._connections.find_by_id(command.connection_id)
            if connection is None:
                return Failure(error=ConnectionNotFound())
            disconnected = await revoke_late(
                self._connections,
                connection,
                command.credentials,
                now=self._now,
                new_id=self._new_id,
            )
        except StorageError:
            return Failure(error=DatabaseError())
        return Failure(error=disconnected)

    def _decide(
        self, command: RefreshCredentials, connection: ProviderConnection
    ) -> Change | Failure[Refused]:
        match connection.status:
            case ConnectionStatus.DISCONNECTED:
                return Failure(error=ConnectionDisconnected())
            case ConnectionStatus.PENDING:
                return Failure(error=ConnectionNotActive(connection.status))
        if command.credentials_version != connection.credentials_version:
            return Failure(error=CredentialsChanged(connection.credentials_version))
        refreshed = connection.replace_credentials(command.credentials, self._now())
        if connection.status is ConnectionStatus.ACTIVE:
            return Change(connection=refreshed)
        return Change(connection=refreshed, event=self._restored(connection))

    def _restored(self, connection: ProviderConnection) -> ProviderAccessRestored:
        return ProviderAccessRestored(
            id=EventId(self._new_id()),
            occurred_at=self._now(),
            user_id=connection.user_id,
            connection_id=connection.id,
            attempt_id=None,
            provider=provider_of(connection),
        )
