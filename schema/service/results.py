"""What commands of services answer."""

from enum import Enum
from typing import Annotated, TypeAlias, assert_never, overload
from uuid import UUID

import strawberry

from domain.commands import errors
from domain.identifiers import UserId
from domain.token_revocation import RevocationStatus
from schema.service.context import ServiceInfo
from schema.service.types import ConnectionRecord, Credentials
from schema.shared_types import ConnectionStatus, Error


@strawberry.enum(description="What becomes of credentials that came too late.")
class LateCredentials(Enum):
    """They are never stored as a connection's credentials."""

    REVOKING = strawberry.enum_value(
        "revoking", description="They are kept until the provider has been asked to end them."
    )
    DESTROYED = strawberry.enum_value("destroyed", description="They were not stored at all.")


@strawberry.type(description="There is no such connection, or it is another user's.")
class ConnectionNotFound(Error):
    """Nothing has changed."""

    attempt_id: strawberry.ID | None = strawberry.field(
        description="Correlates this result with its events; null when nothing was recorded."
    )


@strawberry.type(description="The connection is disconnected, which is final.")
class ConnectionDisconnected(Error):
    """Nothing has changed."""

    late_credentials: LateCredentials | None = strawberry.field(
        description="What becomes of the credentials that were handed in."
    )


@strawberry.type(description="The connection's status does not allow this.")
class ConnectionNotActive(Error):
    """Nothing has changed."""

    status: ConnectionStatus = strawberry.field(description="Its lifecycle status.")


@strawberry.type(description="Another worker has replaced the credentials. Read them again.")
class CredentialsChanged(Error):
    """Nothing has changed."""

    credentials_version: int = strawberry.field(description="The current version.")


@strawberry.type(description="Not confirmed. Repeat the request.")
class CommandFailed(Error):
    """The database did not take it, or did not answer in time."""

    attempt_id: strawberry.ID | None = strawberry.field(
        description="Correlates this result with its events; null when nothing was recorded."
    )


@strawberry.type(description="The connection is active with these credentials.")
class ConnectProviderSuccess:
    """Also when the same attempt is repeated."""

    connection: ConnectionRecord = strawberry.field(description="The connection after the call.")
    created: bool = strawberry.field(description="Whether a new connection was created.")
    verify: bool = strawberry.field(
        description="Whether to try the credentials before telling the user."
    )
    attempt_id: strawberry.ID | None = strawberry.field(
        description="Correlates this result with its event."
    )
    cursor: str = strawberry.field(description="The event's place in the user's log.")


@strawberry.type(description="The credentials are replaced.")
class RefreshCredentialsSuccess:
    """The connection is active."""

    connection: ConnectionRecord = strawberry.field(description="The connection after the call.")


@strawberry.type(description="The status is recorded.")
class ReportAccessLostSuccess:
    """The credentials are kept."""

    connection: ConnectionRecord = strawberry.field(description="The connection after the call.")


@strawberry.type(description="The time is recorded, unless a later one is known.")
class RecordSyncSuccess:
    """No event tells of it."""

    connection: ConnectionRecord = strawberry.field(description="The connection after the call.")


@strawberry.type(description="The connection is disconnected and has no credentials any more.")
class DisconnectProviderSuccess:
    """Also when it was disconnected before."""

    connection: ConnectionRecord = strawberry.field(description="The connection after the call.")
    attempt_id: strawberry.ID | None = strawberry.field(
        description="Correlates this result with its events."
    )
    cursor: str = strawberry.field(description="Cursor of the attempt's last event.")


@strawberry.type(
    description="The batch is done. Repeating its `batchId` tries again what has failed."
)
class DisconnectAllProvidersSuccess:
    """Each connection has an attempt and an outcome of its own."""

    batch_id: strawberry.ID | None = strawberry.field(
        description="The batch, as its events name it. Null when no connection was left."
    )
    disconnected: int = strawberry.field(
        description="How many connections the batch has disconnected."
    )
    failed: int = strawberry.field(
        description="How many connections of the batch could not be disconnected."
    )
    cursor: str = strawberry.field(description="Cursor of the batch's last event.")
    user_id: strawberry.Private[UserId]

    @strawberry.field(
        description=(
            "How many of the user's connections are disconnected while their provider has not "
            "confirmed the end of the access yet. `connections(userId:)` shows each."
        )
    )
    async def pending_revocations(self, info: ServiceInfo) -> int:
        """What is left to wait for."""
        found = await info.context.services.connection_repo.find_by_user_id(self.user_id)
        return sum(
            c.revocation is not None and c.revocation.status is RevocationStatus.PENDING
            for c in found
        )


ConnectProviderResult: TypeAlias = Annotated[
    ConnectProviderSuccess | ConnectionNotFound | ConnectionDisconnected | CommandFailed,
    strawberry.union("ConnectProviderResult", description="The result of `connectProvider`."),
]
RefreshCredentialsResult: TypeAlias = Annotated[
    RefreshCredentialsSuccess
    | CredentialsChanged
    | ConnectionNotActive
    | ConnectionDisconnected
    | ConnectionNotFound
    | CommandFailed,
    strawberry.union("RefreshCredentialsResult", description="The result of `refreshCredentials`."),
]
ReportAccessLostResult: TypeAlias = Annotated[
    ReportAccessLostSuccess
    | CredentialsChanged
    | ConnectionNotActive
    | ConnectionDisconnected
    | ConnectionNotFound
    | CommandFailed,
    strawberry.union("ReportAccessLostResult", description="The result of `reportAccessLost`."),
]
RecordSyncResult: TypeAlias = Annotated[
    RecordSyncSuccess | ConnectionDisconnected | ConnectionNotFound | CommandFailed,
    strawberry.union("RecordSyncResult", description="The result of `recordSync`."),
]
DisconnectProviderResult: TypeAlias = Annotated[
    DisconnectProviderSuccess | ConnectionNotFound | CommandFailed,
    strawberry.union("DisconnectProviderResult", description="The result of `disconnectProvider`."),
]
DisconnectAllProvidersResult: TypeAlias = Annotated[
    DisconnectAllProvidersSuccess | CommandFailed,
    strawberry.union(
        "DisconnectAllProvidersResult", description="The result of `disconnectAllProviders`."
    ),
]
CredentialsResult: TypeAlias = Annotated[
    Credentials | ConnectionNotActive | ConnectionDisconnected | ConnectionNotFound | CommandFailed,
    strawberry.union("CredentialsResult", description="The result of `credentials`."),
]

Refused: TypeAlias = (
    errors.ConnectionNotFound
    | errors.ConnectionDisconnected
    | errors.ConnectionNotActive
    | errors.CredentialsChanged
    | errors.DatabaseError
)


@overload
def refusal(
    error: errors.ConnectionNotFound, attempt_id: UUID | None = None
) -> ConnectionNotFound: ...
@overload
def refusal(
    error: errors.ConnectionDisconnected, attempt_id: UUID | None = None
) -> ConnectionDisconnected: ...
@overload
def refusal(
    error: errors.ConnectionNotActive, attempt_id: UUID | None = None
) -> ConnectionNotActive: ...
@overload
def refusal(
    error: errors.CredentialsChanged, attempt_id: UUID | None = None
) -> CredentialsChanged: ...
@overload
def refusal(error: errors.DatabaseError, attempt_id: UUID | None = None) -> CommandFailed: ...


def refusal(error: Refused, attempt_id: UUID | None = None) -> object:
    """An expected failure as clients see it; `attempt_id` is the attempt that the log may have."""
    known = None if attempt_id is None else strawberry.ID(str(attempt_id))
    match error:
        case errors.ConnectionNotFound():
            return ConnectionNotFound(message="Connection not found", attempt_id=known)
        case errors.ConnectionDisconnected(late=late):
            return ConnectionDisconnected(
                message="The connection is disconnected",
                late_credentials=None if late is None else LateCredentials[late.name],
            )
        case errors.ConnectionNotActive(status=status):
            shown = ConnectionStatus[status.name]
            return ConnectionNotActive(message="The connection is not active", status=shown)
        case errors.CredentialsChanged(credentials_version=version):
            message = "The credentials have been replaced"
            return CredentialsChanged(message=message, credentials_version=version)
        case errors.DatabaseError():
            return CommandFailed(message="Database error occurred", attempt_id=known)
        case _:
            assert_never(error)
