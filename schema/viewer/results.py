"""Inputs and results of the viewers' mutations. Expected failures are data."""

from typing import Annotated, TypeAlias

import strawberry

from schema.shared_types import Error
from schema.viewer.types import ConnectedProvider

ATTEMPT_ID = "Correlates this result with its events. A UUID; null when no attempt was recorded."
"""One nullable type in every result, so that clients can select it without aliases."""


@strawberry.input(description="Input of `disconnectProvider`.")
class DisconnectProviderInput:
    """The mutation's input."""

    connection_id: strawberry.ID = strawberry.field(
        description="Id of the connection to disconnect. A UUID."
    )


@strawberry.type(description="The provider is disconnected and its credentials are destroyed.")
class DisconnectProviderSuccess:
    """Also the result of repeating a disconnection."""

    connected_provider: ConnectedProvider = strawberry.field(
        description="The connection after the disconnection."
    )
    attempt_id: strawberry.ID | None = strawberry.field(description=ATTEMPT_ID)
    cursor: str = strawberry.field(
        description="Cursor of the attempt's last event. Pass it as `after` to continue after it."
    )


@strawberry.type(description="The viewer has no connection with this id.")
class ConnectionNotFound(Error):
    """The connection is missing or another user's: the two are indistinguishable."""

    attempt_id: strawberry.ID | None = strawberry.field(description=ATTEMPT_ID)


@strawberry.type(
    description="The disconnection could not be completed. Try again: repeating it is safe."
)
class DisconnectionFailed(Error):
    """The database did not confirm the change."""

    attempt_id: strawberry.ID | None = strawberry.field(description=ATTEMPT_ID)


DisconnectProviderResult: TypeAlias = Annotated[
    DisconnectProviderSuccess | ConnectionNotFound | DisconnectionFailed,
    strawberry.union("DisconnectProviderResult", description="Result of `disconnectProvider`."),
]
