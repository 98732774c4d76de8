"""What commands of services return."""

from typing import Annotated, TypeAlias

import strawberry

from domain.identifiers import UserId
from domain.token_revocation import RevocationStatus
from schema.service.context import ServiceInfo
from schema.service.refusals import (
    CommandFailed,
    ConnectionDisconnected,
    ConnectionNotActive,
    ConnectionNotFound,
    CredentialsChanged,
)
from schema.service.types import ConnectionRecord, Credentials


@strawberry.type
class _Changed:
    connection: ConnectionRecord = strawberry.field(description="The connection after the call.")


@strawberry.type(description="The connection is active with these credentials.")
class ConnectProviderSuccess(_Changed):
    """Also when the same attempt is repeated."""

    created: bool = strawberry.field(description="Whether a new connection was created.")
    verify: bool = strawberry.field(
        description="Whether to try the credentials before telling the user."
    )
    attempt_id: strawberry.ID | None = strawberry.field(
        description="Correlates this result with its event."
    )
    cursor: str = strawberry.field(description="The event's place in the user's log.")


@strawberry.type(description="The credentials are replaced.")
class RefreshCredentialsSuccess(_Changed):
    """The connection is active."""


@strawberry.type(description="The status is recorded.")
class ReportAccessLostSuccess(_Changed):
    """The credentials are kept."""


@strawberry.type(description="The time is recorded, unless a later one is known.")
class RecordSyncSuccess(_Changed):
    """No event tells of it."""


@strawberry.type(description="The connection is disconnected and has no credentials any more.")
class DisconnectProviderSuccess(_Changed):
    """Also when it was disconnected before."""

    attempt_id: strawberry.ID | None = strawberry.field(
        description="Correlates this result with its events."
    )
    cursor: str = strawberry.field(description="Cursor of the attempt's last event.")


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
    cursor: str = strawberry.field(description="Cursor of the batch's last event.")
    user_id: strawberry.Private[UserId]

    @strawberry.field(
        description=(
            "How many of the user's connections are disconnected while their provider has not "
            "confirmed the end of the access yet. `connections(userId:)` shows each."
        )
    )
    async def pending_revocations(self, info: ServiceInfo) -> int:
        """What is left to wait for."""
        found = await info.context.services.connection_repo.find_by_user_id(self.user_id)
        return sum(
            c.revocation is not None and c.revocation.status is RevocationStatus.PENDING
            for c in found
        )


ConnectProviderResult: TypeAlias = Annotated[
    ConnectProviderSuccess | ConnectionNotFound | ConnectionDisconnected | CommandFailed,
    strawberry.union("ConnectProviderResult", description="The result of `connectProvider`."),
]
RefreshCredentialsResult: TypeAlias = Annotated[
    RefreshCredentialsSuccess
    | CredentialsChanged
    | ConnectionNotActive
    | ConnectionDisconnected
    | ConnectionNotFound
    | CommandFailed,
    strawberry.union("RefreshCredentialsResult", description="The result of `refreshCredentials`."),
]
ReportAccessLostResult: TypeAlias = Annotated[
    ReportAccessLostSuccess
    | CredentialsChanged
    | ConnectionNotActive
    | ConnectionDisconnected
    | ConnectionNotFound
    | CommandFailed,
    strawberry.union("ReportAccessLostResult", description="The result of `reportAccessLost`."),
]
RecordSyncResult: TypeAlias = Annotated[
    RecordSyncSuccess | ConnectionDisconnected | ConnectionNotFound | CommandFailed,
    strawberry.union("RecordSyncResult", description="The result of `recordSync`."),
]
DisconnectProviderResult: TypeAlias = Annotated[
    DisconnectProviderSuccess | ConnectionNotFound | CommandFailed,
    strawberry.union("DisconnectProviderResult", description="The result of `disconnectProvider`."),
]
DisconnectAllProvidersResult: TypeAlias = Annotated[
    DisconnectAllProvidersSuccess | CommandFailed,
    strawberry.union(
        "DisconnectAllProvidersResult", description="The result of `disconnectAllProviders`."
    ),
]
CredentialsResult: TypeAlias = Annotated[
    Credentials | ConnectionNotActive | ConnectionDisconnected | ConnectionNotFound | CommandFailed,
    strawberry.union("CredentialsResult", description="The result of `credentials`."),
]
