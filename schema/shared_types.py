"""GraphQL types that viewers and services both see."""

from datetime import datetime
from enum import Enum

import strawberry

from domain.events import ProviderRef
from domain.ports import ProviderConnectionRepository
from domain.provider_connection import ConnectionStatus as DomainStatus
from domain.provider_connection import ProviderConnection


@strawberry.enum(description="Lifecycle status of a connection.")
class ConnectionStatus(Enum):
    """The values are the domain's."""

    PENDING = strawberry.enum_value("pending", description="The user has not finished connecting.")
    ACTIVE = strawberry.enum_value("active", description="Connected; credentials are stored.")
    EXPIRED = strawberry.enum_value("expired", description="The credentials have expired.")
    REVOKED = strawberry.enum_value("revoked", description="The provider revoked the credentials.")
    FAILED = strawberry.enum_value("failed", description="Connecting failed.")
    DISCONNECTED = strawberry.enum_value(
        "disconnected", description="Disconnected; the connection has no credentials any more."
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


@strawberry.interface(description="An expected failure, as data.")
class Error:
    """An expected failure, in a union."""

    message: str = strawberry.field(description="Human-readable message.")


@strawberry.enum(description="What became of the access at the provider.")
class TokenRevocationStatus(Enum):
    """The values are the domain's."""

    NOT_SUPPORTED = strawberry.enum_value(
        "not_supported", description="The provider has no way for apps to end access."
    )
    NOT_ATTEMPTED = strawberry.enum_value(
        "not_attempted", description="Disconnected before revocation was set up."
    )
    NOTHING_TO_REVOKE = strawberry.enum_value(
        "nothing_to_revoke", description="The connection had no credentials."
    )
    PENDING = strawberry.enum_value(
        "pending", description="The provider has not confirmed yet; it is asked again."
    )
    ACCEPTED = strawberry.enum_value("accepted", description="The provider ended the access.")
    ALREADY_GONE = strawberry.enum_value(
        "already_gone", description="The access had ended at the provider before."
    )
    SHARED_GRANT = strawberry.enum_value(
        "shared_grant",
        description="Left alone: another connection of the user uses the same grant.",
    )
    FAILED = strawberry.enum_value("failed", description="The provider did not end the access.")


@strawberry.type(description="What became of the access at the provider.")
class TokenRevocation:
    """Of the latest attempt."""

    status: TokenRevocationStatus = strawberry.field(description="The state of the revocation.")
    since: datetime = strawberry.field(description="When the status last changed.")
    manage_url: str | None = strawberry.field(
        description="Where the user can end access at the provider, if known."
    )


async def revocation_of(
    connection: ProviderConnection, connections: ProviderConnectionRepository
) -> TokenRevocation | None:
    """None until the connection is disconnected.

    The commit of a disconnection decides what becomes of its tokens, so it is read afterwards.
    """
    if connection.status is DomainStatus.DISCONNECTED and connection.revocation is None:
        connection = await connections.find_by_id(connection.id) or connection
    known = connection.revocation
    if known is None:
        return None
    return TokenRevocation(
        status=TokenRevocationStatus(known.status.value),
        since=known.since,
        manage_url=known.manage_url,
    )
