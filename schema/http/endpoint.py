"""GraphQL over HTTP: POST, and GET for queries. Streams come in here too, by `Accept`.

https://graphql.github.io/graphql-over-http/draft/
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic

from graphql import GraphQLError, OperationType
from starlette.types import Receive, Scope, Send

from domain.ports import AccessToken, CallerT, NewId
from schema.admission.body_budget import BodyBudget
from schema.admission.origins import CrossOrigin, Header
from schema.admission.telemetry import Telemetry
from schema.errors import ErrorCode, Limit, Refused, bad_user_input, encode_errors, has_code
from schema.execution.gateway import Call, Gateway
from schema.http.browser_page import NO_PAGE, BrowserPage, opened_by_a_browser
from schema.http.negotiation import Accepted, MediaType, accepted
from schema.http.request_context import Exchange, Gone, HttpRefused, retry_after
from schema.http.request_reader import HttpLimits, read_request
from schema.http.streaming import HttpStreams

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


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRules:
    """What a request may be, and where it may come from. `page` is for those of no operation."""

    limits: HttpLimits = field(default_factory=HttpLimits)
    methods: tuple[str, ...] = ("GET", "POST", "OPTIONS")
    cross_origin: CrossOrigin = field(default_factory=lambda: CrossOrigin(frozenset()))
    page: BrowserPage = NO_PAGE


class HttpTransport(Generic[CallerT]):
    """Answers every request to `/graphql` with a GraphQL response, errors included."""

    def __init__(
        self,
        gateway: Gateway[CallerT],
        rules: HttpRules,
        streams: Mapping[MediaType, HttpStreams[CallerT]],
        telemetry: Telemetry,
        new_id: NewId,
    ) -> None:
        self._gateway = gateway
        self._rules = rules
        self._streams = streams
        self._telemetry = telemetry
        self._new_id = new_id
        self._bodies = BodyBudget(rules.limits.bodies, rules.limits.body, telemetry)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, one response, one line in the access log."""
        call: Call[CallerT] = Call(request_id="", transport="http")
        exchange = Exchange(scope, receive, send, call)
        call.request_id = self._request_id(exchange.headers)
        if b"origin" in exchange.headers:
            headers = self._rules.cross_origin.headers(exchange.headers)
            exchange.common = (*exchange.common, *headers)
        try:
            await self._answer(exchange)
        except HttpRefused as refused:
            if refused.status == 413:
                self._telemetry.limit_hit(Limit.BODY)
            await _refuse(exchange, refused.status, refused.errors, refused.headers)
        except Gone:
            return
        except Exception as error:  # noqa: BLE001 (masked and logged)
            masked = self._gateway.unexpected(error)
            if exchange.responding:
                call.errors = [masked]  # too late for the client; the server cuts the connection
            else:
                await _refuse(exchange, 500, [masked])
        if call.type or call.errors:
            self._gateway.record(call)

    async def _answer(self, exchange: Exchange[CallerT]) -> None:
        method = exchange.scope["method"]
        if method not in self._rules.methods:
            allow = (b"allow", ", ".join(self._rules.methods).encode())
            queries = ", or GET for queries" if "GET" in self._rules.methods else ""
            raise HttpRefused(405, [bad_user_input(f"Use POST{queries}.")], [allow])
        if method == "OPTIONS":
            return await self._preflight(exchange)
        accept = exchange.headers.get(b"accept")
        if method == "GET" and opened_by_a_browser(accept, exchange.scope["query_string"]):
            return await exchange.show(self._rules.page)
        exchange.call.token = await self._authenticate(exchange)
        accepts = accepted(accept)
        with self._bodies.share(exchange.call.token.caller) as share:
            try:
                # No name for the request: a stream would keep it for as long as it lasts.
                type_ = self._gateway.prepare(
                    exchange.call,
                    await read_request(
                        exchange, self._rules.limits, share, self._gateway.input_names
                    ),
                )
                if type_ is OperationType.SUBSCRIPTION:
                    share.give_back()  # it may last for hours; what it keeps has a limit of its own
                await self._run(exchange, type_, accepts)
            except Refused as refused:
                await self._refuse_operation(exchange, refused.errors, accepts)
        return None

    async def _authenticate(self, exchange: Exchange[CallerT]) -> AccessToken[CallerT]:
        header = exchange.headers.get(b"authorization")
        try:
            return await self._gateway.authenticate(header.decode("latin-1") if header else None)
        except Refused as refused:
            if has_code(refused.errors, ErrorCode.SERVICE_UNAVAILABLE):
                raise HttpRefused(503, refused.errors, [retry_after(refused.errors)]) from None
            raise HttpRefused(401, refused.errors, [CHALLENGE]) from None

    async def _run(
        self, exchange: Exchange[CallerT], type_: OperationType, accepts: Accepted
    ) -> None:
        if type_ is OperationType.MUTATION and exchange.scope["method"] == "GET":
            raise HttpRefused(405, [bad_user_input("Send mutations by POST.")], [ALLOW_POST])
        if type_ is OperationType.SUBSCRIPTION:
            if stream := self._stream(accepts):
                return await stream.subscribe(exchange)
            raise HttpRefused(400, [bad_user_input(TRANSPORTS)])
        if accepts.single is None and (stream := self._stream(accepts)):
            return await stream.answer(exchange)
        response = await self._gateway.execute(exchange.call)
        return await exchange.respond(200, CONTENT_TYPES[accepts.fallback], response.body)

    async def _refuse_operation(
        self, exchange: Exchange[CallerT], errors: Sequence[GraphQLError], accepts: Accepted
    ) -> None:
        """A well-formed request that is not run: `application/json` knows only 200 for it."""
        exchange.call.errors = errors
        if has_code(errors, ErrorCode.RATE_LIMITED):
            await _refuse(exchange, 429, errors, [retry_after(errors)])
        elif has_code(errors, ErrorCode.FORBIDDEN):
            await _refuse(exchange, 403, errors)
        elif accepts.single is None and (stream := self._stream(accepts)):
            await stream.refuse(exchange, errors)
        else:
            status = 400 if accepts.fallback is MediaType.RESPONSE else 200
            await _refuse(exchange, status, errors)

    def _stream(self, accepts: Accepted) -> HttpStreams[CallerT] | None:
        return self._streams.get(accepts.streamed) if accepts.streamed else None

    async def _preflight(self, exchange: Exchange[CallerT]) -> None:
        headers = self._rules.cross_origin.preflight(exchange.headers)
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


async def _refuse(
    exchange: Exchange[CallerT],
    status: int,
    errors: Sequence[GraphQLError],
    headers: Sequence[Header] = (),
) -> None:
    exchange.call.errors = errors
    media_type = accepted(exchange.headers.get(b"accept")).fallback
    await exchange.respond(status, CONTENT_TYPES[media_type], encode_errors(errors), headers)
