"""What the figures are compared with: plain code that stays as it is.

The limit is the same mutation with a no-op handler on Strawberry's own view with its two caches.
It stays unoptimised, so that improving the product never makes a target harder.
"""

import asyncio
import itertools
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import strawberry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from uuid_utils.compat import uuid7

from domain.identifiers import ConnectionId, ProviderId, UserId
from domain.provider_connection import ConnectionStatus as DomainStatus
from domain.provider_connection import ProviderConnection
from schema.shared_types import ConnectionStatus, Provider
from schema.viewer.results import (
    DisconnectProviderInput,
    DisconnectProviderResult,
    DisconnectProviderSuccess,
)
from schema.viewer.types import ConnectedProvider

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
ANSWER = b'{"data":{"disconnectProvider":{"__typename":"DisconnectProviderSuccess"}}}'


def bare_route() -> ASGIApp:
    """A Starlette route that reads the body and answers: no GraphQL, no database."""

    async def answer(request: Request) -> Response:
        await request.body()
        return Response(ANSWER, media_type="application/json")

    return Starlette(routes=[Route("/graphql", answer, methods=["POST"])])


@strawberry.type
class _Query:
    nothing: str = ""


CONNECTION = ProviderConnection(
    id=ConnectionId(UUID(int=1)),
    user_id=UserId(UUID(int=1)),
    provider_id=ProviderId(UUID(int=1)),
    provider_slug="schwab",
    status=DomainStatus.DISCONNECTED,
    created_at=LONG_AGO,
    updated_at=LONG_AGO,
)


@strawberry.type
class _Mutation:
    @strawberry.mutation
    async def disconnect_provider(
        self,
        input: Annotated[  # noqa: A002 (the contract's name)
            DisconnectProviderInput, strawberry.argument(description="What to disconnect.")
        ],
    ) -> DisconnectProviderResult:
        return DisconnectProviderSuccess(
            connected_provider=ConnectedProvider(
                expires_at=None,
                previous_connection_id=None,
                id=strawberry.ID(str(UUID(input.connection_id))),
                provider=Provider(id=strawberry.ID(str(UUID(int=1))), slug="schwab"),
                alias=None,
                status=ConnectionStatus.DISCONNECTED,
                connected_at=LONG_AGO,
                disconnected_at=LONG_AGO,
                last_sync_at=None,
                created_at=LONG_AGO,
                updated_at=LONG_AGO,
                domain_connection=CONNECTION,
            ),
            attempt_id=strawberry.ID(str(uuid7())),
            cursor="cursor",
        )


def limit() -> ASGIApp:
    """The mutation with a no-op handler, on Strawberry's own view with its two caches."""
    schema = strawberry.Schema(_Query, _Mutation, extensions=[ParserCache, ValidationCache])
    view = GraphQL(schema, graphql_ide=None, subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL])
    return Starlette(routes=[Route("/graphql", view, methods=["POST"])])


def bare_sockets() -> ASGIApp:
    """A WebSocket that answers once and then waits."""

    async def hello(socket: WebSocket) -> None:
        await socket.accept(subprotocol="graphql-transport-ws")
        async for _ in socket.iter_text():
            await socket.send_text('{"type":"connection_ack"}')

    return Starlette(routes=[WebSocketRoute("/graphql", hello)])


FRAME = (
    '{"id":"1","type":"next","payload":{"data":{"providerEvents":'
    '{"__typename":"ProviderDisconnectionSucceeded","id":"019a0000-0000-7000-8000-000000000000",'
    '"position":%d,"cursor":"' + "A" * 55 + '","occurredAt":"2026-01-01T00:00:00+00:00",'
    '"attemptId":"019a0000-0000-7000-8000-000000000000",'
    '"connectionId":"019a0000-0000-7000-8000-000000000000","provider":{"slug":"schwab"}}}}}'
)


def pre_encoded() -> ASGIApp:
    """Each POST sends two frames, encoded beforehand, to every socket, one socket after another."""
    sockets: set[WebSocket] = set()
    positions = itertools.count(1)

    async def listen(socket: WebSocket) -> None:
        await socket.accept(subprotocol="graphql-transport-ws")
        try:
            async for text in socket.iter_text():
                if "connection_init" in text:
                    await socket.send_text('{"type":"connection_ack"}')
                else:
                    sockets.add(socket)
        finally:
            sockets.discard(socket)

    async def emit(request: Request) -> Response:
        await request.body()
        for _ in range(2):
            message = {"type": "websocket.send", "text": FRAME % next(positions)}
            for socket in sockets:
                await socket.send(message)
        return Response(ANSWER, media_type="application/json")

    return Starlette(
        routes=[
            Route("/graphql", emit, methods=["POST"]),
            WebSocketRoute("/graphql", listen),
        ]
    )


def slow_provider() -> ASGIApp:
    """Ends every token that it is asked about, a second later."""

    async def revoke(_: Request) -> Response:
        await asyncio.sleep(1)
        return Response()

    return Starlette(routes=[Route("/revoke", revoke, methods=["POST"])])
