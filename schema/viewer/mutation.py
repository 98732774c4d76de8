"""The viewers' mutations."""

from typing import Annotated, assert_never

import strawberry

from domain.commands.disconnect_provider import DisconnectProvider, DisconnectProviderError
from domain.identifiers import AttemptId, ConnectionId
from domain.result import Failure, Success
from schema.relay import parse_id
from schema.viewer.context import Info
from schema.viewer.event_types import MESSAGES, NOT_FOUND, DisconnectionFailureReason
from schema.viewer.results import (
    ConnectionNotFound,
    DisconnectionFailed,
    DisconnectProviderInput,
    DisconnectProviderResult,
    DisconnectProviderSuccess,
)
from schema.viewer.types import ConnectedProvider


@strawberry.type(description="Mutations.")
class Mutation:
    """Root of all mutations."""

    @strawberry.mutation(
        description="Disconnects a provider and destroys its credentials. Repeating it is safe."
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
