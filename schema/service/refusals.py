"""Expected failures of services' commands."""

from enum import Enum
from typing import TypeAlias, assert_never, overload
from uuid import UUID

import strawberry

from domain.commands import errors
from schema.shared_types import ConnectionStatus, Error


@strawberry.enum(description="What becomes of credentials that came too late.")
class LateCredentials(Enum):
    """They are never stored as a connection's credentials."""

    REVOKING = strawberry.enum_value(
        "revoking", description="Kept until the provider has been asked to revoke them."
    )
    DESTROYED = strawberry.enum_value("destroyed", description="Not stored.")


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
