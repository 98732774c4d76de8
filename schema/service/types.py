"""Connections and credentials as services see them."""

from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from domain.events import ProviderRef
from domain.provider_connection import ProviderConnection
from schema.relay import Node
from schema.service.context import ServiceInfo
from schema.shared_types import ConnectionStatus, Provider, TokenRevocation, revocation_of


@strawberry.type(
    description="A connection as services see it. Another user's is not hidden from a service."
)
class ConnectionRecord(Node):
    """Everything but the credentials."""

    user_id: strawberry.ID = strawberry.field(description="The user that it belongs to. A UUID.")
    provider: Provider = strawberry.field(description="The connected provider.")
    provider_account_id: str | None = strawberry.field(
        description="The provider's own id of the connected account."
    )
    alias: str | None = strawberry.field(description="The name that the user gave it.")
    status: ConnectionStatus = strawberry.field(description="Its lifecycle status.")
    credentials_version: int = strawberry.field(
        description="Counts replacements of the credentials, 1 at first."
    )
    expires_at: datetime | None = strawberry.field(description="When the credentials expire.")
    connected_at: datetime | None = strawberry.field(description="When it became active.")
    disconnected_at: datetime | None = strawberry.field(
        description="When it was first disconnected; never changes again."
    )
    last_sync_at: datetime | None = strawberry.field(description="When data was last fetched.")
    previous_connection_id: strawberry.ID | None = strawberry.field(
        description="The disconnected connection of the same account that preceded it."
    )
    created_at: datetime = strawberry.field(description="When the connection was created.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    domain_connection: strawberry.Private[ProviderConnection]

    @strawberry.field(
        description=(
            "What became of the access at the provider; null until the connection is disconnected."
        )
    )
    async def revocation(self, info: ServiceInfo) -> TokenRevocation | None:
        """The latest attempt's."""
        return await revocation_of(self.domain_connection, info.context.services.connection_repo)

    @classmethod
    def of(cls, connection: ProviderConnection) -> "ConnectionRecord":
        """A domain connection as services see it."""
        previous = connection.previous_connection_id
        credentials = connection.credentials
        return cls(
            id=strawberry.ID(str(connection.id)),
            user_id=strawberry.ID(str(connection.user_id)),
            provider=Provider.of(
                ProviderRef(id=connection.provider_id, slug=connection.provider_slug)
            ),
            provider_account_id=connection.provider_account_id,
            alias=connection.alias,
            status=ConnectionStatus(connection.status.value),
            credentials_version=connection.credentials_version,
            expires_at=credentials.expires_at if credentials else None,
            connected_at=connection.connected_at,
            disconnected_at=connection.disconnected_at,
            last_sync_at=connection.last_sync_at,
            previous_connection_id=None if previous is None else strawberry.ID(str(previous)),
            created_at=connection.created_at,
            updated_at=connection.updated_at,
            domain_connection=connection,
        )


@strawberry.type(description="Decrypted credentials. Never store or log them.")
class Credentials:
    """What a sync worker needs to call the provider."""

    type: str = strawberry.field(description="As it was handed in, such as `oauth2`.")
    data: JSON = strawberry.field(description="As it was handed in.")
    expires_at: datetime | None = strawberry.field(description="When they expire, if known.")
    credentials_version: int = strawberry.field(
        description="Pass it to `refreshCredentials` and `reportAccessLost`."
    )
