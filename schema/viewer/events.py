"""Events as viewers see them."""

from collections.abc import Callable
from datetime import datetime
from enum import Enum
from functools import partial
from typing import assert_never
from uuid import UUID

import strawberry

from domain import events as domain_events
from domain.events import FailureReason, RecordedEvent
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


MESSAGES = {
    DisconnectionFailureReason.CONNECTION_NOT_FOUND: NOT_FOUND,
    DisconnectionFailureReason.DATABASE_ERROR: "Database error occurred",
    DisconnectionFailureReason.INTERRUPTED: "The attempt was interrupted",
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


@strawberry.type(description="The provider was disconnected and its credentials were destroyed.")
class ProviderDisconnectionSucceeded(ProviderEvent):
    """An attempt has succeeded."""


@strawberry.type(description="A disconnection failed; nothing was changed.")
class ProviderDisconnectionFailed(ProviderEvent):
    """An attempt has failed."""

    reason: DisconnectionFailureReason = strawberry.field(description="Machine-readable reason.")
    message: str = strawberry.field(description="Human-readable message.")


def to_graphql(recorded: RecordedEvent) -> ProviderEvent:
    """A recorded event as clients see it."""
    event = recorded.event
    match event:
        case domain_events.ProviderConnected():
            shape: Callable[..., ProviderEvent] = partial(
                ProviderConnected,
                created=event.created,
                previous_connection_id=_id(event.previous_connection_id),
            )
        case domain_events.ProviderAccessLost():
            shape = partial(ProviderAccessLost, status=ConnectionStatus(event.loss.value))
        case domain_events.ProviderAccessRestored():
            shape = ProviderAccessRestored
        case domain_events.ProviderDisconnectionAttempted():
            shape = partial(
                ProviderDisconnectionAttempted,
                initiator=Initiator(event.initiator.value),
                batch_id=_id(event.batch_id),
                note=event.note,
            )
        case domain_events.ProviderDisconnectionSucceeded():
            shape = ProviderDisconnectionSucceeded
        case domain_events.ProviderDisconnectionFailed():
            reason = _shown(event.reason)
            shape = partial(ProviderDisconnectionFailed, reason=reason, message=MESSAGES[reason])
        case domain_events.UnrecognizedEvent():
            raise ValueError("an unrecognized event is not shown")
        case _:
            assert_never(event)
    return shape(
        id=strawberry.ID(str(event.id)),
        position=recorded.position,
        cursor=recorded.cursor.encode(),
        occurred_at=event.occurred_at,
        attempt_id=_id(event.attempt_id),
        connection_id=strawberry.ID(str(event.connection_id)),
        provider=Provider.of(event.provider) if event.provider else None,
    )


def _shown(reason: FailureReason) -> DisconnectionFailureReason:
    if reason is FailureReason.NOT_OWNED_BY_USER:
        return DisconnectionFailureReason.CONNECTION_NOT_FOUND
    return DisconnectionFailureReason(reason.value)


def _id(value: UUID | None) -> strawberry.ID | None:
    return None if value is None else strawberry.ID(str(value))
