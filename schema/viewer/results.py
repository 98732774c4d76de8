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


@strawberry.type(description="The provider is disconnected; the connection has no credentials.")
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


@strawberry.input(description="Input of `disconnectAllProviders`.")
class DisconnectAllProvidersInput:
    """The mutation's input."""

    expected_count: int = strawberry.field(
        description="How many connections that are not disconnected the user was shown."
    )
    batch_id: strawberry.ID = strawberry.field(
        description="A new UUID for each request; repeat it when an answer was lost."
    )


@strawberry.type(
    description="The batch is done. Repeating its `batchId` tries again what has failed."
)
class DisconnectAllProvidersSuccess:
    """Each connection has an attempt and an outcome of its own."""

    batch_id: strawberry.ID | None = strawberry.field(
        description="The batch, as its events name it. Null when no connection was left."
    )
    disconnected: int = strawberry.field(
        description="How many connections the batch has disconnected."
    )
    failed: int = strawberry.field(
        description="How many connections of the batch could not be disconnected."
    )
    cursor: str = strawberry.field(
        description="Cursor of the batch's last event. Pass it as `after` to continue after it."
    )


@strawberry.type(
    description="The viewer has another number of connections than expected; nothing was changed."
)
class ConnectionCountChanged(Error):
    """A connection was added or disconnected since the user looked."""

    count: int = strawberry.field(
        description="How many of the viewer's connections are not disconnected."
    )


DisconnectAllProvidersResult: TypeAlias = Annotated[
    DisconnectAllProvidersSuccess | ConnectionCountChanged | DisconnectionFailed,
    strawberry.union(
        "DisconnectAllProvidersResult", description="Result of `disconnectAllProviders`."
    ),
]
DisconnectProviderResult: TypeAlias = Annotated[
    DisconnectProviderSuccess | ConnectionNotFound | DisconnectionFailed,
    strawberry.union("DisconnectProviderResult", description="Result of `disconnectProvider`."),
]
