"""The viewers' mutations."""

from typing import Annotated, assert_never

import strawberry

from domain.commands.disconnect_all_providers import (
    ConnectionCountChanged,
    DisconnectAllProviders,
)
from domain.commands.disconnect_provider import DisconnectProvider, DisconnectProviderError
from domain.identifiers import AttemptId, BatchId, ConnectionId
from domain.result import Failure, Success
from schema.relay import parse_id
from schema.viewer.context import Info
from schema.viewer.event_types import MESSAGES, NOT_FOUND, DisconnectionFailureReason
from schema.viewer.results import ConnectionCountChanged as CountChanged
from schema.viewer.results import (
    ConnectionNotFound,
    DisconnectAllProvidersInput,
    DisconnectAllProvidersResult,
    DisconnectAllProvidersSuccess,
    DisconnectionFailed,
    DisconnectProviderInput,
    DisconnectProviderResult,
    DisconnectProviderSuccess,
)
from schema.viewer.types import ConnectedProvider

COUNT_CHANGED = "The number of connections has changed: it is {} now"


@strawberry.type(description="Mutations.")
class Mutation:
    """Root of all mutations."""

    @strawberry.mutation(
        description=(
            "Disconnects a provider. The connection's credentials are destroyed at once, or by the "
            "outcome of their revocation at the provider. Repeating it is safe."
        )
    )
    async def disconnect_provider(
        self,
        info: Info,
        input: Annotated[  # noqa: A002 (the contract's name)
            DisconnectProviderInput,
            strawberry.argument(description="The connection to disconnect."),
        ],
    ) -> DisconnectProviderResult:
        """Expected failures are data; faults of the request are errors."""
        services = info.context.services
        command = DisconnectProvider(
            user_id=info.context.viewer_id,
            connection_id=ConnectionId(parse_id(input.connection_id, "connectionId")),
            attempt_id=AttemptId(services.new_id()),
        )
        attempt_id = strawberry.ID(str(command.attempt_id))
        match await services.disconnect_provider(command):
            case Success(value=done):
                return DisconnectProviderSuccess(
                    connected_provider=ConnectedProvider.of(done.connection),
                    attempt_id=attempt_id,
                    cursor=done.recorded.cursor.encode(),
                )
            case Failure(error=error) as failure:
                match error:
                    case (
                        DisconnectProviderError.CONNECTION_NOT_FOUND
                        | DisconnectProviderError.NOT_OWNED_BY_USER
                    ):
                        return ConnectionNotFound(message=NOT_FOUND, attempt_id=attempt_id)
                    case (
                        DisconnectProviderError.DATABASE_ERROR
                        | DisconnectProviderError.ATTEMPT_REUSED
                    ):
                        return DisconnectionFailed(
                            message=MESSAGES[DisconnectionFailureReason.DATABASE_ERROR],
                            attempt_id=attempt_id if failure.attempt_id else None,
                        )
                    case _:
                        assert_never(error)

    @strawberry.mutation(
        description=(
            "Disconnects every provider of the viewer. Repeating a `batchId` returns that batch's "
            "counts, and tries again what has failed."
        )
    )
    async def disconnect_all_providers(
        self,
        info: Info,
        input: Annotated[  # noqa: A002 (the contract's name)
            DisconnectAllProvidersInput,
            strawberry.argument(description="What the user was shown, and the batch."),
        ],
    ) -> DisconnectAllProvidersResult:
        """Expected failures are data; faults of the request are errors."""
        command = DisconnectAllProviders(
            user_id=info.context.viewer_id,
            batch_id=BatchId(parse_id(input.batch_id, "batchId")),
            expected_count=input.expected_count,
        )
        match await info.context.services.disconnect_all_providers(command):
            case Success(value=done):
                return DisconnectAllProvidersSuccess(
                    batch_id=None if done.batch_id is None else strawberry.ID(str(done.batch_id)),
                    disconnected=done.disconnected,
                    failed=done.failed,
                    cursor=done.cursor.encode(),
                )
            case Failure(error=ConnectionCountChanged(count=count)):
                return CountChanged(message=COUNT_CHANGED.format(count), count=count)
            case Failure():
                message = MESSAGES[DisconnectionFailureReason.DATABASE_ERROR]
                return DisconnectionFailed(message=message, attempt_id=None)
