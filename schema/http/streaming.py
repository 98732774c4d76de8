"""Responses without an end: server-sent events and multipart subscriptions."""

from collections.abc import Sequence

from graphql import GraphQLError, OperationType

from domain.ports import AccessToken
from schema.admission.connection_limits import Seats
from schema.admission.draining import OpenStreams
from schema.admission.telemetry import Telemetry
from schema.errors import ErrorCode, request_error
from schema.execution.documents import Refused
from schema.execution.encoding import encode
from schema.execution.executor import Operations
from schema.execution.operation import Operation
from schema.execution.request import GraphQLRequest
from schema.http.request_context import Exchange
from schema.http.response_stream import ResponseStream
from schema.http.stream_framing import StreamFraming

HEARTBEAT_SECONDS = 15.0


class HttpStreams:
    """The `StreamTransport` of one media type."""

    def __init__(
        self,
        framing: StreamFraming,
        operations: Operations,
        *,
        telemetry: Telemetry,
        streams: OpenStreams,
        seats: Seats,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._framing = framing
        self._operations = operations
        self._telemetry = telemetry
        self._streams = streams
        self._seats = seats
        self._heartbeat_seconds = heartbeat_seconds

    async def stream(self, exchange: Exchange, request: GraphQLRequest, token: AccessToken) -> None:
        """See `StreamTransport`."""
        exchange.transport = self._framing.transport
        operation = exchange.operation
        if operation is None:
            raise RuntimeError("there is nothing to run")
        if operation.type is OperationType.SUBSCRIPTION:
            return await self._take_seat(exchange, operation, request, token)
        result = await self._operations.execute(operation, request.variables, token.user_id)
        exchange.errors = result.errors
        return await self._say(exchange, self._framing.answer(encode(result)))

    async def refuse(self, exchange: Exchange, errors: Sequence[GraphQLError]) -> None:
        """See `StreamTransport`."""
        exchange.transport = self._framing.transport
        await self._say(exchange, self._framing.refusal(errors))

    async def _take_seat(
        self, exchange: Exchange, operation: Operation, request: GraphQLRequest, token: AccessToken
    ) -> None:
        if not self._seats.take():
            raise _too_many()
        try:
            if not self._seats.take_for(token.user_id):
                raise _too_many()
            try:
                await self._subscribe(exchange, operation, request, token)
            finally:
                self._seats.leave_for(token.user_id)
        finally:
            self._seats.leave()

    async def _subscribe(
        self, exchange: Exchange, operation: Operation, request: GraphQLRequest, token: AccessToken
    ) -> None:
        resumes_at = exchange.headers.get(b"last-event-id", b"").decode("latin-1")
        payloads = await self._operations.subscribe(
            operation,
            request.variables,
            token.user_id,
            last_event_id=resumes_at if self._framing.names_events and resumes_at else None,
        )
        stream = ResponseStream(
            exchange, self._framing, token.expires_at, self._telemetry, self._heartbeat_seconds
        )
        self._streams.enter(stream)
        self._telemetry.subscription_started(self._framing.transport)
        try:
            await stream.run(payloads)
        finally:
            self._telemetry.subscription_ended(self._framing.transport)
            self._streams.leave(stream)

    async def _say(self, exchange: Exchange, body: bytes) -> None:
        await exchange.respond(200, self._framing.content_type, body)


def _too_many() -> Refused:
    message = "Too many streams are open. Close some, or try again later."
    return Refused([request_error(ErrorCode.TOO_MANY_SUBSCRIPTIONS, message)])
