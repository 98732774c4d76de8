"""GraphQL over HTTP: POST, and GET for queries. Streams come in here too, by `Accept`.

https://graphql.github.io/graphql-over-http/draft/
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

from graphql import GraphQLError, OperationType
from starlette.types import Receive, Scope, Send

from domain.ports import AccessToken, AccessTokens, NewId
from schema.admission.access_log import AccessLog
from schema.admission.authentication import authenticate, unauthenticated
from schema.admission.origins import CrossOrigin, Header
from schema.admission.telemetry import Telemetry
from schema.errors import ErrorCode, bad_user_input, code_of
from schema.execution.document_limits import Limit
from schema.execution.documents import Refused
from schema.execution.encoding import encode, encode_errors
from schema.execution.executor import Operations
from schema.execution.masking import Masking
from schema.execution.request import GraphQLRequest
from schema.http.negotiation import Accepted, MediaType, accepted, is_json
from schema.http.request_context import Exchange, Gone, HttpRefused

ALLOW: Header = (b"allow", b"GET, POST, OPTIONS")
ALLOW_POST: Header = (b"allow", b"POST")
CHALLENGE: Header = (b"www-authenticate", b"Bearer")

CONTENT_TYPES = {
    MediaType.RESPONSE: "application/graphql-response+json; charset=utf-8",
    MediaType.JSON: "application/json; charset=utf-8",
}

SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

TRANSPORTS = (
    "Subscriptions need a stream: open a WebSocket (graphql-transport-ws) at this address, "
    "or accept text/event-stream, or multipart/mixed."
)


class StreamTransport(Protocol):
    """Answers with a stream, for clients that accept its media type."""

    async def stream(self, exchange: Exchange, request: GraphQLRequest, token: AccessToken) -> None:
        """Runs `exchange.operation`: a subscription, or one whose client takes streams only.

        Raises `Refused` when it refuses before anything was sent.
        """

    async def refuse(self, exchange: Exchange, errors: Sequence[GraphQLError]) -> None:
        """Tells a client that takes streams only that its well-formed request isn't run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """Bytes and seconds of a request's body."""

    body: int = 1_048_576
    body_timeout: float = 10.0


class HttpTransport:
    """Answers every request at the GraphQL address, in GraphQL's form."""

    def __init__(
        self,
        operations: Operations,
        tokens: AccessTokens,
        *,
        masking: Masking,
        access_log: AccessLog,
        telemetry: Telemetry,
        cross_origin: CrossOrigin,
        new_id: NewId,
        limits: HttpLimits,
        streams: Mapping[MediaType, StreamTransport],
    ) -> None:
        self._operations = operations
        self._tokens = tokens
        self._masking = masking
        self._access_log = access_log
        self._telemetry = telemetry
        self._cross_origin = cross_origin
        self._new_id = new_id
        self._limits = limits
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, one response, one line in the access log."""
        started = perf_counter()
        exchange = Exchange(scope, receive, send)
        exchange.request_id = self._request_id(exchange.headers)
        if b"origin" in exchange.headers:
            exchange.common = (*exchange.common, *self._cross_origin.headers(exchange.headers))
        try:
            await self._answer(exchange)
        except HttpRefused as refused:
            if refused.status == 413:
                self._telemetry.limit_hit(Limit.BODY)
            await self._refuse(exchange, refused.status, refused.errors, refused.headers)
        except Gone:
            return
        except Exception as error:  # noqa: BLE001 (masked and logged)
            masked = self._masking.unexpected(error)
            if exchange.responding:
                exchange.errors = [masked]  # too late to say so; the server cuts the connection
            else:
                await self._refuse(exchange, 500, [masked])
        if exchange.operation or exchange.errors:
            self._log(exchange, perf_counter() - started)

    def _log(self, exchange: Exchange, seconds: float) -> None:
        self._access_log.record(
            request_id=exchange.request_id,
            transport=exchange.transport,
            user_id=exchange.user_id,
            operation=exchange.operation,
            errors=exchange.errors,
            seconds=seconds,
        )

    async def _answer(self, exchange: Exchange) -> None:
        method = exchange.scope["method"]
        if method == "OPTIONS":
            return await self._preflight(exchange)
        if method not in ("POST", "GET"):
            raise HttpRefused(405, [bad_user_input("Use POST, or GET for queries.")], [ALLOW])
        token = await self._authenticate(exchange)
        request = await self._request(exchange, method)
        accepts = accepted(exchange.headers.get(b"accept"))
        try:
            await self._run(exchange, request, token, accepts)
        except Refused as refused:
            await self._refuse_operation(exchange, refused.errors, accepts)
        return None

    async def _authenticate(self, exchange: Exchange) -> AccessToken:
        header = exchange.headers.get(b"authorization")
        token = await authenticate(header.decode("latin-1") if header else None, self._tokens)
        if token is None:
            raise HttpRefused(401, [unauthenticated()], [CHALLENGE])
        exchange.user_id = token.user_id
        return token

    async def _request(self, exchange: Exchange, method: str) -> GraphQLRequest:
        try:
            if method == "GET":
                return GraphQLRequest.from_query_string(exchange.scope["query_string"])
            if not is_json(exchange.headers.get(b"content-type", b"")):
                message = "Send the request as application/json in UTF-8."
                raise HttpRefused(415, [bad_user_input(message)])
            body = await exchange.body(self._limits.body, self._limits.body_timeout)
            return GraphQLRequest.from_json(body)
        except Refused as refused:
            raise HttpRefused(400, refused.errors) from None

    async def _run(
        self, exchange: Exchange, request: GraphQLRequest, token: AccessToken, accepts: Accepted
    ) -> None:
        operation = self._operations.operation(request.query, request.operation_name)
        exchange.operation = operation
        if operation.type is OperationType.MUTATION and exchange.scope["method"] == "GET":
            raise HttpRefused(405, [bad_user_input("Send mutations by POST.")], [ALLOW_POST])
        if accepts.single is None or operation.type is OperationType.SUBSCRIPTION:
            if stream := self._stream(accepts):
                return await stream.stream(exchange, request, token)
            if operation.type is OperationType.SUBSCRIPTION:
                raise HttpRefused(400, [bad_user_input(TRANSPORTS)])
        result = await self._operations.execute(operation, request.variables, token.user_id)
        exchange.errors = result.errors
        return await exchange.respond(200, CONTENT_TYPES[accepts.fallback], encode(result))

    async def _refuse_operation(
        self, exchange: Exchange, errors: Sequence[GraphQLError], accepts: Accepted
    ) -> None:
        """A well-formed request that is not run: `application/json` knows only 200 for it."""
        if any(code_of(error) == ErrorCode.RATE_LIMITED for error in errors):
            await self._refuse(exchange, 429, errors, [_retry_after(errors)])
        elif accepts.single is None and (stream := self._stream(accepts)):
            exchange.errors = errors
            await stream.refuse(exchange, errors)
        else:
            status = 400 if accepts.fallback is MediaType.RESPONSE else 200
            await self._refuse(exchange, status, errors)

    async def _refuse(
        self,
        exchange: Exchange,
        status: int,
        errors: Sequence[GraphQLError],
        headers: Sequence[Header] = (),
    ) -> None:
        exchange.errors = errors
        media_type = accepted(exchange.headers.get(b"accept")).fallback
        await exchange.respond(status, CONTENT_TYPES[media_type], encode_errors(errors), headers)

    def _stream(self, accepts: Accepted) -> StreamTransport | None:
        return self._streams.get(accepts.streamed) if accepts.streamed else None

    async def _preflight(self, exchange: Exchange) -> None:
        headers = self._cross_origin.preflight(exchange.headers)
        if headers is None:
            message = "Pages of this origin are not allowed (UNPLUG_ALLOWED_ORIGINS)."
            raise HttpRefused(403, [bad_user_input(message)])
        await exchange.respond(200, "text/plain", b"", (ALLOW, *headers))

    def _request_id(self, headers: Mapping[bytes, bytes]) -> str:
        given = headers.get(b"x-request-id")
        if given is not None:
            text = given.decode("latin-1")
            if SANE_REQUEST_ID.fullmatch(text):
                return text
        return str(self._new_id())


def _retry_after(errors: Sequence[GraphQLError]) -> Header:
    seconds = max((error.extensions or {}).get("retryAfter", 1) for error in errors)
    return (b"retry-after", str(seconds).encode())
