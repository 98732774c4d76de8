"""Report lost access: a back end saw that the provider no longer accepts the credentials."""

from dataclasses import dataclass
from typing import TypeAlias

from domain.commands.changing import Change, change_connection, provider_of
from domain.commands.errors import (
    ConnectionDisconnected,
    ConnectionNotActive,
    ConnectionNotFound,
    CredentialsChanged,
    DatabaseError,
)
from domain.events import AccessLoss, ProviderAccessLost
from domain.identifiers import ConnectionId, EventId
from domain.ports import NewId, Now, ProviderConnectionRepository
from domain.provider_connection import ConnectionStatus, ProviderConnection
from domain.result import Failure, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportAccessLost:
    """The credentials of this version are no longer accepted."""

    connection_id: ConnectionId
    credentials_version: int
    loss: AccessLoss


Refused: TypeAlias = ConnectionDisconnected | ConnectionNotActive | CredentialsChanged
ReportOutcome: TypeAlias = Result[ProviderConnection, Refused | ConnectionNotFound | DatabaseError]


class ReportAccessLostHandler:
    """Runs the command.

    1. Find the connection.
    2. Disconnected: there is no access to lose.
    3. Another version of the credentials: the report is about credentials that were replaced.
    4. In any other status than active: access was lost before.
    5. Save the status with `ProviderAccessLost`; the credentials are kept, for a refresh.
    6. If its version has moved meanwhile, read again and redo 2.
    """

    def __init__(
        self, connection_repo: ProviderConnectionRepository, *, now: Now, new_id: NewId
    ) -> None:
        self._connections = connection_repo
        self._now = now
        self._new_id = new_id

    async def handle(self, command: ReportAccessLost) -> ReportOutcome:
        """Expected outcomes are returned, never raised."""
        return await change_connection(
            self._connections,
            command.connection_id,
            lambda connection: self._decide(command, connection),
        )

    def _decide(
        self, command: ReportAccessLost, connection: ProviderConnection
    ) -> Change | Failure[Refused]:
        if connection.status is ConnectionStatus.DISCONNECTED:
            return Failure(error=ConnectionDisconnected())
        if command.credentials_version != connection.credentials_version:
            return Failure(error=CredentialsChanged(connection.credentials_version))
        if connection.status is not ConnectionStatus.ACTIVE:
            return Failure(error=ConnectionNotActive(connection.status))
        now = self._now()
        lost = ProviderAccessLost(
            id=EventId(self._new_id()),
            occurred_at=now,
            user_id=connection.user_id,
            connection_id=connection.id,
            attempt_id=None,
            provider=provider_of(connection),
            loss=command.loss,
        )
        status = ConnectionStatus(command.loss.value)
        return Change(connection=connection.lose_access(status, now), event=lost)
