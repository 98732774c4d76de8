"""What services may change."""

from typing import Annotated

import strawberry

from domain.commands import errors
from domain.commands.connect_provider import ConnectProvider
from domain.commands.disconnect_all_providers import DisconnectAllProviders
from domain.commands.disconnect_provider import DisconnectProvider, DisconnectProviderError
from domain.commands.record_sync import RecordSync
from domain.commands.refresh_credentials import RefreshCredentials
from domain.commands.report_access_lost import ReportAccessLost
from domain.events import MAX_NOTE_LENGTH, AccessLoss, Initiator
from domain.identifiers import AttemptId, BatchId, ConnectionId, UserId
from domain.result import Failure, Success
from schema.errors import bad_user_input
from schema.relay import given, parse_id
from schema.service.checks import checked_account, checked_alias, checked_time, optional_text
from schema.service.context import ServiceInfo
from schema.service.inputs import (
    ConnectProviderInput,
    RecordSyncInput,
    RefreshCredentialsInput,
    ReportAccessLostInput,
    ServiceDisconnectAllProvidersInput,
    ServiceDisconnectProviderInput,
)
from schema.service.refusals import refusal
from schema.service.results import (
    ConnectProviderResult,
    ConnectProviderSuccess,
    DisconnectAllProvidersResult,
    DisconnectAllProvidersSuccess,
    DisconnectProviderResult,
    DisconnectProviderSuccess,
    RecordSyncResult,
    RecordSyncSuccess,
    RefreshCredentialsResult,
    RefreshCredentialsSuccess,
    ReportAccessLostResult,
    ReportAccessLostSuccess,
)
from schema.service.types import ConnectionRecord

DIFFERENT = (
    "`attemptId` was used for another request, or `connectionId` belongs to another user, provider "
    "or account."
)


@strawberry.type(description="What a service may change.")
class Mutation:
    """Root of all mutations."""

    @strawberry.mutation(
        description="Scope connections:write. A repeated `attemptId` returns the first result."
    )
    async def connect_provider(
        self,
        info: ServiceInfo,
        input: Annotated[  # noqa: A002 (the contract's name)
            ConnectProviderInput,
            strawberry.argument(description="The connected provider and its credentials."),
        ],
    ) -> ConnectProviderResult:
        """A connection begins, or begins again."""
        services, connection_id = info.context.services, given(input.connection_id)
        command = ConnectProvider(
            user_id=UserId(parse_id(input.user_id, "userId")),
            provider=input.provider.checked(),
            attempt_id=AttemptId(parse_id(input.attempt_id, "attemptId")),
            connection_id=None if connection_id is None else _connection_id(connection_id),
            provider_account_id=checked_account(input.provider_account_id),
            alias=checked_alias(input.alias),
            credentials=input.credentials.encrypted(services.cipher),
        )
        match await services.commands.connect_provider(command):
            case Success(value=done):
                return ConnectProviderSuccess(
                    connection=ConnectionRecord.of(done.connection),
                    created=done.created,
                    verify=done.verify,
                    attempt_id=strawberry.ID(str(command.attempt_id)),
                    cursor=done.recorded.cursor.encode(),
                )
            case Failure(error=error) as failure:
                if isinstance(error, errors.DifferentRequest):
                    raise bad_user_input(DIFFERENT)
                return refusal(error, failure.attempt_id)

    @strawberry.mutation(
        description="Scope connections:write. Replaces credentials of a known version."
    )
    async def refresh_credentials(
        self,
        info: ServiceInfo,
        input: Annotated[  # noqa: A002 (the contract's name)
            RefreshCredentialsInput, strawberry.argument(description="The new credentials.")
        ],
    ) -> RefreshCredentialsResult:
        """On condition of `credentialsVersion`."""
        services = info.context.services
        command = RefreshCredentials(
            connection_id=_connection_id(input.connection_id),
            credentials_version=input.credentials_version,
            credentials=input.credentials.encrypted(services.cipher),
        )
        match await services.commands.refresh_credentials(command):
            case Success(value=connection):
                return RefreshCredentialsSuccess(connection=ConnectionRecord.of(connection))
            case Failure(error=error):
                return refusal(error)

    @strawberry.mutation(
        description=(
            "Scope connections:write. Reports that the provider no longer accepts the credentials."
        )
    )
    async def report_access_lost(
        self,
        info: ServiceInfo,
        input: Annotated[  # noqa: A002 (the contract's name)
            ReportAccessLostInput,
            strawberry.argument(description="The credentials that were refused."),
        ],
    ) -> ReportAccessLostResult:
        """On condition of `credentialsVersion`."""
        command = ReportAccessLost(
            connection_id=_connection_id(input.connection_id),
            credentials_version=input.credentials_version,
            loss=AccessLoss[input.status.name],
        )
        match await info.context.services.commands.report_access_lost(command):
            case Success(value=connection):
                return ReportAccessLostSuccess(connection=ConnectionRecord.of(connection))
            case Failure(error=error):
                return refusal(error)

    @strawberry.mutation(description="Scope connections:write. Records when data was last fetched.")
    async def record_sync(
        self,
        info: ServiceInfo,
        input: Annotated[  # noqa: A002 (the contract's name)
            RecordSyncInput, strawberry.argument(description="Which connection, and when.")
        ],
    ) -> RecordSyncResult:
        """Never backwards."""
        command = RecordSync(
            connection_id=_connection_id(input.connection_id), at=checked_time(input.at, "at")
        )
        match await info.context.services.commands.record_sync(command):
            case Success(value=connection):
                return RecordSyncSuccess(connection=ConnectionRecord.of(connection))
            case Failure(error=error):
                return refusal(error)

    @strawberry.mutation(
        description=("Scope connections:disconnect. Disconnects a provider on behalf of a user.")
    )
    async def disconnect_provider(
        self,
        info: ServiceInfo,
        input: Annotated[  # noqa: A002 (the contract's name)
            ServiceDisconnectProviderInput, strawberry.argument(description="What to disconnect.")
        ],
    ) -> DisconnectProviderResult:
        """The same command as the user's own."""
        command = DisconnectProvider(
            user_id=UserId(parse_id(input.user_id, "userId")),
            connection_id=_connection_id(input.connection_id),
            attempt_id=AttemptId(parse_id(input.attempt_id, "attemptId")),
            initiator=Initiator.SERVICE,
            note=optional_text(input.note, "note", MAX_NOTE_LENGTH),
        )
        match await info.context.services.commands.disconnect_provider(command):
            case Success(value=done):
                return DisconnectProviderSuccess(
                    connection=ConnectionRecord.of(done.connection),
                    attempt_id=strawberry.ID(str(command.attempt_id)),
                    cursor=done.recorded.cursor.encode(),
                )
            case Failure(error=DisconnectProviderError.DATABASE_ERROR) as failure:
                return refusal(errors.DatabaseError(), failure.attempt_id)
            case Failure(error=DisconnectProviderError.ATTEMPT_REUSED):
                raise bad_user_input(DIFFERENT)
            case Failure():
                return refusal(errors.ConnectionNotFound(), command.attempt_id)

    @strawberry.mutation(
        description=(
            "Scope connections:disconnect. Disconnects every provider of a user, as an account's "
            "deletion does. Repeating a `batchId` returns that batch's counts."
        )
    )
    async def disconnect_all_providers(
        self,
        info: ServiceInfo,
        input: Annotated[  # noqa: A002 (the contract's name)
            ServiceDisconnectAllProvidersInput, strawberry.argument(description="Whose providers.")
        ],
    ) -> DisconnectAllProvidersResult:
        """The same command as the user's own, for any number of connections."""
        command = DisconnectAllProviders(
            user_id=UserId(parse_id(input.user_id, "userId")),
            batch_id=BatchId(parse_id(input.batch_id, "batchId")),
            initiator=Initiator.SERVICE,
            note=optional_text(input.note, "note", MAX_NOTE_LENGTH),
        )
        match await info.context.services.commands.disconnect_all_providers(command):
            case Success(value=done):
                return DisconnectAllProvidersSuccess(
                    batch_id=None if done.batch_id is None else strawberry.ID(str(done.batch_id)),
                    disconnected=done.disconnected,
                    failed=done.failed,
                    cursor=done.cursor.encode(),
                    user_id=command.user_id,
                )
            case Failure():
                return refusal(errors.DatabaseError())


def _connection_id(text: str) -> ConnectionId:
    return ConnectionId(parse_id(text, "connectionId"))
