"""A GraphQL request, read from the URL or the body of an HTTP request."""

from collections.abc import Container
from dataclasses import dataclass

from domain.ports import CallerT
from schema.admission.body_budget import BodyShare
from schema.admission.origins import Header
from schema.errors import ErrorCode, Refused, bad_user_input, has_code
from schema.execution.request import GraphQLRequest
from schema.http.negotiation import is_json
from schema.http.request_context import CLOSE, Exchange, HttpRefused, retry_after

ACCEPT_ENCODING: Header = (b"accept-encoding", b"identity")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """Bytes and seconds of a request's body, and bytes of all bodies that are held at a time."""

    body: int = 1_048_576
    bodies: int = 64 * 1_048_576
    body_timeout: float = 10.0


async def read_request(
    exchange: Exchange[CallerT],
    limits: HttpLimits,
    share: BodyShare,
    input_names: Container[str] = frozenset(),
) -> GraphQLRequest:
    """Of a GET its URL, of any other method its body; `input_names` as `GraphQLRequest` has them.

    Raises `HttpRefused`; `Refused` for a well-formed request that is not run.
    """
    try:
        if exchange.scope["method"] == "GET":
            return GraphQLRequest.from_query_string(exchange.scope["query_string"])
        if not is_json(exchange.headers.get(b"content-type", b"")):
            message = "Send the request as application/json in UTF-8."
            raise HttpRefused(415, [bad_user_input(message)])
        if exchange.headers.get(b"content-encoding", b"identity").lower() != b"identity":
            message = "Send the request without a content coding."
            raise HttpRefused(415, [bad_user_input(message)], [ACCEPT_ENCODING])
        return GraphQLRequest.from_json(await _body(exchange, limits, share), input_names)
    except Refused as refused:
        if has_code(refused.errors, ErrorCode.PERSISTED_QUERY_NOT_SUPPORTED):
            raise
        raise HttpRefused(400, refused.errors) from None


async def _body(exchange: Exchange[CallerT], limits: HttpLimits, share: BodyShare) -> bytes:
    try:
        return await exchange.body(limits.body, limits.body_timeout, share)
    except Refused as refused:
        status = 429 if has_code(refused.errors, ErrorCode.RATE_LIMITED) else 503
        raise HttpRefused(status, refused.errors, [retry_after(refused.errors), CLOSE]) from None
