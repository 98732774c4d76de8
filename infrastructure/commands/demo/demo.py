"""What `unplug demo` starts with, and what it tells its user to try."""

import json
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import NAMESPACE_DNS, uuid5

from uuid_utils.compat import uuid7

from domain.identifiers import ConnectionId, ProviderId, UserId
from domain.provider_connection import (
    ConnectionStatus,
    ProviderConnection,
    ProviderCredentials,
)
from infrastructure.commands.importing.lines import Encrypt
from infrastructure.settings import Settings, load_settings

DATABASE = "unplug-demo.sqlite3"
TOKEN_LIFE = timedelta(hours=12)

_CONNECTIONS = (
    ("schwab", "My IRA", ConnectionStatus.ACTIVE, 400),
    ("chase", "Everyday checking", ConnectionStatus.ACTIVE, 210),
    ("coinbase", None, ConnectionStatus.ACTIVE, 35),
    ("vanguard", "College fund", ConnectionStatus.EXPIRED, 730),
    ("fidelity", None, ConnectionStatus.PENDING, None),
)

_SUBSCRIPTION = (
    "subscription Watch($after: String) { providerEvents(after: $after) { __typename position"
    " cursor connectionId provider { slug } ... on ProviderDisconnectionFailed { reason } } }"
)
_MUTATION = (
    "mutation Disconnect($id: ID!) { disconnectProvider(input: {connectionId: $id})"
    " { __typename ... on DisconnectProviderSuccess { attemptId cursor"
    " connectedProvider { alias status disconnectedAt } } ... on Error { message } } }"
)


def demo_settings() -> Settings:
    """A database of its own and a secret made up now, whatever a real set-up has in its settings.

    Raises `SettingsError` for other settings that are wrong.
    """
    settings = load_settings(
        database_url=f"sqlite://{DATABASE}",
        database_direct_url=None,
        nats_url=None,
        credentials_keys=(),
        token_secret=secrets.token_urlsafe(48),
        token_public_key=None,
        token_jwks_url=None,
        token_issuer=None,
        token_audience=None,
    )
    friendly = {"page": True, "introspection": True, "log_level": "warning"}
    unset = {name: value for name, value in friendly.items() if getattr(settings, name) is None}
    return settings.model_copy(update=unset)


def demo_connections(
    user_id: UserId, encrypt: Encrypt, now: datetime
) -> Sequence[ProviderConnection]:
    """A few connections of a user, some of them with made-up credentials."""
    return [
        _connection(user_id, slug, alias, status, days, encrypt, now + timedelta(microseconds=n))
        for n, (slug, alias, status, days) in enumerate(_CONNECTIONS)
    ]


def _connection(
    user_id: UserId,
    slug: str,
    alias: str | None,
    status: ConnectionStatus,
    connected_days_ago: int | None,
    encrypt: Encrypt,
    now: datetime,
) -> ProviderConnection:
    connected = connected_days_ago is not None
    credentials = ProviderCredentials(
        encrypted_data=encrypt(json.dumps({"refresh_token": secrets.token_hex(16)}).encode()),
        credential_type="oauth2",
    )
    return ProviderConnection(
        id=ConnectionId(uuid7()),
        user_id=user_id,
        provider_id=ProviderId(uuid5(NAMESPACE_DNS, f"{slug}.example")),
        provider_slug=slug,
        alias=alias,
        status=status,
        connected_at=now - timedelta(days=connected_days_ago or 0) if connected else None,
        last_sync_at=now - timedelta(hours=3) if status is ConnectionStatus.ACTIVE else None,
        credentials=credentials if connected else None,
        created_at=now,
        updated_at=now,
    )


def page_address(origin: str, token: str) -> str:
    """The page, signed in: what stands behind `#` never leaves the browser."""
    return f"{origin}/#token={token}"


def instructions(
    origin: str, user_id: UserId, token: str, connections: Sequence[ProviderConnection]
) -> str:
    """What to paste where."""
    first, second = connections[:2]
    return f"""\
Unplug is running at {origin}/   (Ctrl-C stops it)

The page, signed in:
  {page_address(origin, token)}

User {user_id}, with a token for {TOKEN_LIFE.total_seconds() / 3600:.0f} hours:
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
uv run python - <<'END'
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
            if event["providerEvents"]["__typename"] != "ProviderDisconnectionAttempted":
                break

asyncio.run(main())
END
"""
