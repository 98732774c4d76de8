"""GraphQL types that viewers and services both see."""

from enum import Enum

import strawberry

from domain.events import ProviderRef


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


@strawberry.interface(description="An expected failure, as data.")
class Error:
    """An expected failure, in a union."""

    message: str = strawberry.field(description="Human-readable message.")
