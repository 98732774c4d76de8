"""The types of section "GraphQL" of the contract, and how domain objects become them."""

from collections.abc import Callable
from datetime import datetime
from enum import Enum
from functools import partial
from typing import Annotated, TypeAlias, assert_never

import strawberry

from domain import events as domain_events
from domain.events import FailureReason, ProviderRef, RecordedEvent
from domain.provider_connection import ProviderConnection
from schema.relay import Node


@strawberry.enum(description="Where a connection is in its life.")
class ConnectionStatus(Enum):
    """GraphQL's view of the domain's statuses; the values are the domain's."""

    PENDING = strawberry.enum_value("pending", description="The user has not finished connecting.")
    ACTIVE = strawberry.enum_value("active", description="Connected; credentials are stored.")
    EXPIRED = strawberry.enum_value("expired", description="The credentials have run out.")
    REVOKED = strawberry.enum_value("revoked", description="The provider withdrew the credentials.")
    FAILED = strawberry.enum_value("failed", description="Connecting did not work.")
    DISCONNECTED = strawberry.enum_value(
        "disconnected", description="Disconnected by the user; the credentials are destroyed."
    )


@strawberry.type(description="A bank, a brokerage, or any other service that holds data.")
class Provider:
    """A provider, as clients see it."""

    id: strawberry.ID = strawberry.field(description="A UUID.")
    slug: str = strawberry.field(description="A short name, such as `schwab`.")

    @classmethod
    def of(cls, provider: ProviderRef) -> "Provider":
        """A domain provider as clients see it."""
        return cls(id=strawberry.ID(str(provider.id)), slug=provider.slug)


@strawberry.type(description="The link between the viewer and one provider.")
class ConnectedProvider(Node):
    """A provider connection. Relay reserves names that end in `Connection` for pagination."""

    provider: Provider = strawberry.field(description="Who holds the data.")
    alias: str | None = strawberry.field(description="The name that the user gave it.")
    status: ConnectionStatus = strawberry.field(description="Where it is in its life.")
    connected_at: datetime | None = strawberry.field(description="When it became active.")
    disconnected_at: datetime | None = strawberry.field(
        description="When it was first disconnected; this never changes again."
    )
    last_sync_at: datetime | None = strawberry.field(description="When data was last fetched.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it last changed.")

    @classmethod
    def of(cls, connection: ProviderConnection) -> "ConnectedProvider":
        """A domain connection as clients see it: everything but its credentials."""
        return cls(
            id=strawberry.ID(str(connection.id)),
            provider=Provider(
                id=strawberry.ID(str(connection.provider_id)), slug=connection.provider_slug
            ),
            alias=connection.alias,
            status=ConnectionStatus(connection.status.value),
            connected_at=connection.connected_at,
            disconnected_at=connection.disconnected_at,
            last_sync_at=connection.last_sync_at,
            created_at=connection.created_at,
            updated_at=connection.updated_at,
        )


@strawberry.enum(description="Why a provider was not disconnected.")
class DisconnectionFailureReason(Enum):
    """What clients may know. Somebody else's connection looks like one that doesn't exist."""

    CONNECTION_NOT_FOUND = strawberry.enum_value(
        "connection_not_found", description="The viewer has no connection with this id."
    )
    DATABASE_ERROR = strawberry.enum_value(
        "database_error", description="The database did not take it; nothing has changed."
    )
    INTERRUPTED = strawberry.enum_value(
        "interrupted", description="The attempt was cut short; nothing has changed."
    )


NOT_FOUND = "Connection not found"

MESSAGES = {
    DisconnectionFailureReason.CONNECTION_NOT_FOUND: NOT_FOUND,
    DisconnectionFailureReason.DATABASE_ERROR: "Database error occurred",
    DisconnectionFailureReason.INTERRUPTED: "The attempt was interrupted",
}


def shown(reason: FailureReason) -> DisconnectionFailureReason:
    """A reason as clients may see it."""
    if reason is FailureReason.NOT_OWNED_BY_USER:
        return DisconnectionFailureReason.CONNECTION_NOT_FOUND
    return DisconnectionFailureReason(reason.value)


@strawberry.interface(description="Something that happened to one of the viewer's connections.")
class ProviderEvent(Node):
    """An event of the viewer's log."""

    position: int = strawberry.field(description="1, 2, 3, … in the viewer's log, without a gap.")
    cursor: str = strawberry.field(description="Resume after this event by passing it as `after`.")
    occurred_at: datetime = strawberry.field(description="When it happened.")
    attempt_id: strawberry.ID = strawberry.field(
        description="Ties an attempt to its one outcome. A UUID."
    )
    connection_id: strawberry.ID = strawberry.field(
        description="The id that was asked to be disconnected. A UUID."
    )
    provider: Provider | None = strawberry.field(
        description="The provider, when the connection is the viewer's own."
    )


@strawberry.type(description="The user asked to disconnect a provider.")
class ProviderDisconnectionAttempted(ProviderEvent):
    """An attempt has begun."""


@strawberry.type(description="The provider is disconnected, its credentials are destroyed.")
class ProviderDisconnectionSucceeded(ProviderEvent):
    """An attempt has done what it should."""


@strawberry.type(description="The attempt is over, and nothing has changed.")
class ProviderDisconnectionFailed(ProviderEvent):
    """An attempt has failed."""

    reason: DisconnectionFailureReason = strawberry.field(description="Why, for programs.")
    message: str = strawberry.field(description="Why, for people.")


def to_graphql(recorded: RecordedEvent) -> ProviderEvent:
    """A recorded event as clients see it."""
    event = recorded.event
    match event:
        case domain_events.ProviderDisconnectionAttempted():
            shape: Callable[..., ProviderEvent] = ProviderDisconnectionAttempted
        case domain_events.ProviderDisconnectionSucceeded():
            shape = ProviderDisconnectionSucceeded
        case domain_events.ProviderDisconnectionFailed():
            reason = shown(event.reason)
            shape = partial(ProviderDisconnectionFailed, reason=reason, message=MESSAGES[reason])
        case _:
            assert_never(event)
    return shape(
        id=strawberry.ID(str(event.id)),
        position=recorded.position,
        cursor=recorded.cursor.encode(),
        occurred_at=event.occurred_at,
        attempt_id=strawberry.ID(str(event.attempt_id)),
        connection_id=strawberry.ID(str(event.connection_id)),
        provider=Provider.of(event.provider) if event.provider else None,
    )


@strawberry.interface(description="Why something could not be done.")
class Error:
    """An expected failure."""

    message: str = strawberry.field(description="For people.")


@strawberry.type(description="The provider is disconnected, its credentials are destroyed.")
class DisconnectProviderSuccess:
    """Done; also when it had been done before."""

    connected_provider: ConnectedProvider = strawberry.field(description="As it is now.")
    attempt_id: strawberry.ID = strawberry.field(description="Ties the answer to its events.")
    cursor: str = strawberry.field(description="Just behind the attempt's last event.")


@strawberry.type(description="The viewer has no connection with this id.")
class ConnectionNotFound(Error):
    """Missing, or somebody else's: the two can't be told apart."""

    attempt_id: strawberry.ID = strawberry.field(description="Ties the answer to its events.")


@strawberry.type(description="Not confirmed: nothing has changed, as far as is known. Try again.")
class DisconnectionFailed(Error):
    """The database, or a node, was not there when it was needed."""

    attempt_id: strawberry.ID | None = strawberry.field(
        description="Ties the answer to its events; null when no attempt was recorded."
    )


DisconnectProviderResult: TypeAlias = Annotated[
    DisconnectProviderSuccess | ConnectionNotFound | DisconnectionFailed,
    strawberry.union("DisconnectProviderResult", description="What became of the request."),
]


@strawberry.input(description="What to disconnect.")
class DisconnectProviderInput:
    """The mutation's input."""

    connection_id: strawberry.ID = strawberry.field(description="The connection's id, a UUID.")
