"""What the demo tells its user to try."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from domain.identifiers import ConnectionId, UserId
from domain.provider_connection import ProviderConnection
from infrastructure.commands.demo.settings import TOKEN_LIFE

_SUBSCRIPTION = (
    "subscription Watch($after: String) { providerEvents(after: $after) { __typename position"
    " cursor connectionId provider { slug } ... on ProviderDisconnectionFailed { reason }"
    " ... on ProviderTokenRevocationSucceeded { evidence } } }"
)
_MUTATION = (
    "mutation Disconnect($id: ID!) { disconnectProvider(input: {connectionId: $id})"
    " { __typename ... on DisconnectProviderSuccess { attemptId cursor"
    " connectedProvider { alias status disconnectedAt } } ... on Error { message } } }"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoUser:
    """A user, a token, and what is connected."""

    id: UserId
    token: str
    connections: Sequence[ProviderConnection]


def page_address(origin: str, token: str) -> str:
    """The page, signed in: browsers never send what follows `#`."""
    return f"{origin}/#token={token}"


def instructions(origin: str, provider: str, user: DemoUser) -> str:
    """The text that `unplug demo` prints: the pages, the token, and commands to paste.

    `provider` is where the demo's own provider is.
    """
    first, second = user.connections[:2]
    token = user.token
    return f"""\
Unplug is running at {origin}/   (Ctrl-C stops it)

The page, signed in:
  {page_address(origin, token)}

GraphiQL, an IDE for GraphQL, signed in:
  {origin}/graphql

The demo provider that issued the user's tokens shows which of them still work:
  {provider}/

User {user.id}, with a token for {TOKEN_LIFE.total_seconds() / 3600:.0f} hours:
  {token}

Watch what happens, in one terminal:

  {_curl(origin, token, _SUBSCRIPTION, {}, "-N", "-H 'Accept: text/event-stream'")}

Disconnect {first.provider_slug}, in another:

  {_curl(origin, token, _MUTATION, {"id": str(first.id)})}

Or do both from Python, with {second.provider_slug}:

{_python(origin, token, second.id)}"""


def _curl(origin: str, token: str, document: str, variables: dict[str, str], *options: str) -> str:
    body = json.dumps({"query": document, "variables": variables})
    parts = (
        " ".join(["curl", *options, f"{origin}/graphql"]),
        f"-H 'Authorization: Bearer {token}'",
        "-H 'Content-Type: application/json'",
        f"-d '{body}'",
    )
    return " \\\n    ".join(parts)


def _python(origin: str, token: str, connection_id: ConnectionId) -> str:
    return f"""\
uv run --group client python - <<'END'
import asyncio
from gql import Client, GraphQLRequest
from gql.transport.websockets import WebsocketsTransport

async def main():
    transport = WebsocketsTransport(
        url="{origin.replace("http", "ws", 1)}/graphql",
        init_payload={{"authorization": "Bearer {token}"}},
        subprotocols=["graphql-transport-ws"],
    )
    async with Client(transport=transport) as session:
        start = (await session.execute(GraphQLRequest("{{ eventCursor }}")))["eventCursor"]
        print(await session.execute(GraphQLRequest(
            "{_MUTATION}",
            variable_values={{"id": "{connection_id}"}},
        )))
        async for event in session.subscribe(GraphQLRequest(
            "{_SUBSCRIPTION}",
            variable_values={{"after": start}},
        )):
            print(event)
            kind = event["providerEvents"]["__typename"]
            if kind.endswith("Failed") or kind == "ProviderTokenRevocationSucceeded":
                break

asyncio.run(main())
END
"""
