"""Types of events as viewers see them."""

from datetime import datetime
from enum import Enum

import strawberry

from schema.relay import Node
from schema.shared_types import ConnectionStatus, Provider

NOT_FOUND = "Connection not found"


@strawberry.enum(name="FailureReason", description="Why an attempt failed.")
class DisconnectionFailureReason(Enum):
    """Another user's connection is reported as one that does not exist."""

    CONNECTION_NOT_FOUND = strawberry.enum_value(
        "connection_not_found", description="The viewer has no connection with this id."
    )
    DATABASE_ERROR = strawberry.enum_value(
        "database_error", description="A database error occurred; nothing was changed."
    )
    INTERRUPTED = strawberry.enum_value(
        "interrupted", description="The attempt was interrupted; nothing was changed."
    )
    REFUSED = strawberry.enum_value(
        "refused", description="The provider refused to end the access."
    )
    GAVE_UP = strawberry.enum_value(
        "gave_up", description="The provider did not confirm in time; it is not asked again."
    )
    SHARED_GRANT = strawberry.enum_value(
        "shared_grant", description="A connection of the viewer uses the same grant."
    )
    UNREADABLE_CREDENTIALS = strawberry.enum_value(
        "unreadable_credentials",
        description="The credentials held nothing that the provider could be asked to end.",
    )


MESSAGES = {
    DisconnectionFailureReason.CONNECTION_NOT_FOUND: NOT_FOUND,
    DisconnectionFailureReason.DATABASE_ERROR: "Database error occurred",
    DisconnectionFailureReason.INTERRUPTED: "The attempt was interrupted",
    DisconnectionFailureReason.REFUSED: "The provider refused to end the access",
    DisconnectionFailureReason.GAVE_UP: "The provider did not confirm in time",
    DisconnectionFailureReason.SHARED_GRANT: "A connection still uses the same access",
    DisconnectionFailureReason.UNREADABLE_CREDENTIALS: "The credentials could not be revoked",
}


@strawberry.interface(description="An event in the lifecycle of one of the viewer's connections.")
class ProviderEvent(Node):
    """An event of the viewer's log."""

    position: int = strawberry.field(
        description="Position in the viewer's event log, counted from 1. Events are ordered by it."
    )
    cursor: str = strawberry.field(
        description="Opaque cursor. Pass it as `after` to continue after this event."
    )
    occurred_at: datetime = strawberry.field(description="When the event occurred.")
    attempt_id: strawberry.ID | None = strawberry.field(
        description=(
            "Correlates an attempt with its outcome. A UUID; null when the event is not part of an "
            "attempt."
        )
    )
    connection_id: strawberry.ID = strawberry.field(description="Id of the connection. A UUID.")
    provider: Provider | None = strawberry.field(
        description="The provider; null when the viewer has no connection with this id."
    )


@strawberry.type(description="A provider was connected, or connected again.")
class ProviderConnected(ProviderEvent):
    """A back end registered credentials."""

    created: bool = strawberry.field(
        description="Whether a new connection was created; else one got new credentials."
    )
    previous_connection_id: strawberry.ID | None = strawberry.field(
        description="The disconnected connection of the same account that preceded it. A UUID."
    )


@strawberry.type(description="The provider no longer accepts the connection's credentials.")
class ProviderAccessLost(ProviderEvent):
    """A back end reported it."""

    status: ConnectionStatus = strawberry.field(description="The connection's lifecycle status.")


@strawberry.type(description="A connection that had lost access works again.")
class ProviderAccessRestored(ProviderEvent):
    """A back end refreshed the credentials."""


@strawberry.enum(description="Who requested a disconnection.")
class Initiator(Enum):
    """The values are the domain's."""

    USER = strawberry.enum_value("user", description="The user.")
    SERVICE = strawberry.enum_value("service", description="A back end, on behalf of the user.")
    OPERATOR = strawberry.enum_value("operator", description="An operator of this service.")


@strawberry.type(description="A disconnection was requested.")
class ProviderDisconnectionAttempted(ProviderEvent):
    """An attempt has begun."""

    initiator: Initiator = strawberry.field(description="Who requested it.")
    batch_id: strawberry.ID | None = strawberry.field(
        description="Groups disconnections that were requested together. A UUID."
    )
    note: str | None = strawberry.field(description="The reason, as the initiator wrote it.")


@strawberry.type(description="The provider was disconnected; the connection has no credentials.")
class ProviderDisconnectionSucceeded(ProviderEvent):
    """An attempt has succeeded."""


@strawberry.type(description="A disconnection failed; nothing was changed.")
class ProviderDisconnectionFailed(ProviderEvent):
    """An attempt has failed."""

    reason: DisconnectionFailureReason = strawberry.field(description="Machine-readable reason.")
    message: str = strawberry.field(description="Human-readable message.")


@strawberry.enum(description="What was observed when access was ended at a provider.")
class RevocationEvidence(Enum):
    """The values are the domain's."""

    ACCEPTED = strawberry.enum_value(
        "accepted", description="The provider confirmed that it ended the access."
    )
    ALREADY_GONE = strawberry.enum_value(
        "already_gone", description="The provider answered that the access had ended before."
    )


@strawberry.type(
    description="The provider will be asked to end the app's access: after a disconnection, or"
    " directly behind `ProviderConnected` the access that it replaced."
)
class ProviderTokenRevocationAttempted(ProviderEvent):
    """An attempt has begun."""


@strawberry.type(description="The app's access has ended at the provider.")
class ProviderTokenRevocationSucceeded(ProviderEvent):
    """An attempt has succeeded."""

    evidence: RevocationEvidence = strawberry.field(description="What was observed.")


@strawberry.type(description="The provider did not end the app's access.")
class ProviderTokenRevocationFailed(ProviderEvent):
    """An attempt has failed."""

    reason: DisconnectionFailureReason = strawberry.field(description="Machine-readable reason.")
    message: str = strawberry.field(description="Human-readable message.")
    manage_url: str | None = strawberry.field(
        description="Where the user can end access at the provider, if known."
    )
