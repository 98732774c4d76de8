"""GraphQL over HTTP: POST and GET.

https://graphql.github.io/graphql-over-http/draft/
"""

from collections.abc import Sequence
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLError, OperationType
from starlette.requests import Request
from starlette.responses import Response

from domain.ports import AccessTokens
from schema.authentication import authenticate, unauthenticated
from schema.documents import Refused
from schema.encoding import encode
from schema.errors import bad_user_input
from schema.operations import Operations


class HttpTransport:
    """Answers queries and mutations."""

    def __init__(self, operations: Operations, tokens: AccessTokens) -> None:
        self._operations = operations
        self._tokens = tokens

    async def __call__(self, request: Request) -> Response:
        """One request, one response."""
        token = await authenticate(request.headers.get("authorization"), self._tokens)
        if token is None:
            return _errors([unauthenticated()], 401)
        try:
            params = await _parameters(request)
            operation = self._operations.operation(params["query"], params.get("operationName"))
        except Refused as refused:
            return _errors(refused.errors, 400)
        if operation.type is OperationType.SUBSCRIPTION:
            return _errors([bad_user_input("Subscribe over WebSocket, SSE or multipart.")], 400)
        result = await self._operations.execute(operation, params.get("variables"), token.user_id)
        return Response(encode(result), media_type="application/json")


async def _parameters(request: Request) -> dict[str, Any]:
    if request.method == "GET":
        given: dict[str, Any] = dict(request.query_params)
        if "variables" in given:
            given["variables"] = orjson.loads(given["variables"])
        return given
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        raise Refused([bad_user_input("The body is not JSON.")]) from None
    if not isinstance(body, dict) or not isinstance(body.get("query"), str):
        raise Refused([bad_user_input("The body is not a GraphQL request.")])
    return body


def _errors(errors: Sequence[GraphQLError], status: int) -> Response:
    return Response(
        encode(ExecutionResult(None, list(errors))), status, media_type="application/json"
    )
