"""gql for Python, over WebSocket."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportError, TransportQueryError
from gql.transport.websockets import WebsocketsTransport
from websockets.exceptions import WebSocketException

LOST = (TransportError, WebSocketException, OSError, TimeoutError)

FOLLOW = """subscription Follow($after: String) {
  providerEvents(after: $after) { __typename position cursor }
}"""
DISCONNECT = """mutation Disconnect($id: ID!) {
  disconnectProvider(input: {connectionId: $id}) { __typename ... on Error { message } }
}"""
SNAPSHOT = "query Snapshot { eventCursor }"


def connect(url: str, token: Callable[[], str]) -> Client:
    """Not connected yet: `async with` does it, each time with a fresh token."""
    transport = WebsocketsTransport(
        url=url.replace("http", "ws", 1), init_payload={"authorization": f"Bearer {token()}"}
    )
    return Client(transport=transport)


async def ask(
    url: str, token: Callable[[], str], query: str, **variables: object
) -> dict[str, Any]:
    """A query or a mutation."""
    async with connect(url, token) as session:
        data: dict[str, Any] = await session.execute(
            GraphQLRequest(query, variable_values=variables)
        )
        return data


async def follow(
    url: str, token: Callable[[], str], after: str, pause: float = 1.0
) -> AsyncIterator[dict[str, Any]]:
    """Every event after a cursor, over as many connections as it takes."""
    seen = 0
    while True:
        try:
            async with connect(url, token) as session:
                request = GraphQLRequest(FOLLOW, variable_values={"after": after})
                async with aclosing(session.subscribe(request)) as results:
                    async for result in results:
                        event = result["providerEvents"]
                        if event["position"] > seen:
                            seen, after = event["position"], event["cursor"]
                            yield event
        except TransportQueryError:
            raise  # the server refuses it: another try is of no use
        except LOST:
            await asyncio.sleep(pause)
