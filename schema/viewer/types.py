"""Connections and providers as viewers see them."""

from datetime import datetime
from enum import Enum

import strawberry

from domain.events import ProviderRef
from domain.provider_connection import ProviderConnection
from schema.relay import Node


@strawberry.enum(description="Lifecycle status of a connection.")
class ConnectionStatus(Enum):
    """The values are the domain's."""

    PENDING = strawberry.enum_value("pending", description="The user has not finished connecting.")
    ACTIVE = strawberry.enum_value("active", description="Connected; credentials are stored.")
    EXPIRED = strawberry.enum_value("expired", description="The credentials have expired.")
    REVOKED = strawberry.enum_value("revoked", description="The provider revoked the credentials.")
    FAILED = strawberry.enum_value("failed", description="Connecting failed.")
    DISCONNECTED = strawberry.enum_value(
        "disconnected", description="Disconnected; the credentials are destroyed."
    )


@strawberry.type(description="A data provider, such as a bank, a brokerage or a SaaS product.")
class Provider:
    """A provider, as clients see it."""

    id: strawberry.ID = strawberry.field(description="A UUID.")
    slug: str = strawberry.field(description="Short name, such as `schwab`.")

    @classmethod
    def of(cls, provider: ProviderRef) -> "Provider":
        """A domain provider as clients see it."""
        return cls(id=strawberry.ID(str(provider.id)), slug=provider.slug)


@strawberry.type(description="The link between the viewer and one provider.")
class ConnectedProvider(Node):
    """A provider connection. Relay reserves names that end in `Connection` for pagination."""

    provider: Provider = strawberry.field(description="The provider that holds the data.")
    alias: str | None = strawberry.field(description="Name that the user gave the connection.")
    status: ConnectionStatus = strawberry.field(description="Lifecycle status.")
    connected_at: datetime | None = strawberry.field(
        description="When the connection became active."
    )
    disconnected_at: datetime | None = strawberry.field(
        description="When the connection was first disconnected. Does not change afterwards."
    )
    last_sync_at: datetime | None = strawberry.field(
        description="When data was last fetched from the provider."
    )
    created_at: datetime = strawberry.field(description="When the connection was created.")
    updated_at: datetime = strawberry.field(description="When the connection last changed.")

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
