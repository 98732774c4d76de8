"""Connections and providers as viewers see them."""

from datetime import datetime

import strawberry

from domain.provider_connection import ProviderConnection
from schema.relay import Node
from schema.shared_types import ConnectionStatus, Provider, TokenRevocation, revocation_of
from schema.viewer.context import Info


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
    expires_at: datetime | None = strawberry.field(description="When the credentials expire.")
    previous_connection_id: strawberry.ID | None = strawberry.field(
        description="The disconnected connection of the same account that preceded it. A UUID."
    )
    created_at: datetime = strawberry.field(description="When the connection was created.")
    updated_at: datetime = strawberry.field(description="When the connection last changed.")
    domain_connection: strawberry.Private[ProviderConnection]

    @strawberry.field(
        description=(
            "What became of the access at the provider; null until the connection is disconnected."
        )
    )
    async def revocation(self, info: Info) -> TokenRevocation | None:
        """The latest attempt's."""
        return await revocation_of(self.domain_connection, info.context.services.connection_repo)

    @classmethod
    def of(cls, connection: ProviderConnection) -> "ConnectedProvider":
        """A domain connection as clients see it: everything but its credentials."""
        credentials, previous = connection.credentials, connection.previous_connection_id
        return cls(
            id=strawberry.ID(str(connection.id)),
            expires_at=credentials.expires_at if credentials else None,
            previous_connection_id=None if previous is None else strawberry.ID(str(previous)),
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
            domain_connection=connection,
        )
