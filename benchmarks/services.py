"""What a back end's command costs, beside the disconnection of the same connections."""

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from uuid import UUID

from benchmarks.figure import Row, Settings, alternating
from benchmarks.http_load import Plan
from benchmarks.mutations import DURABLE_AT_MOST, USERS, mutate
from benchmarks.processes import Server, http_load
from benchmarks.unplug import Installation, service_token

CONNECTIONS = 64
CREDENTIALS = {"type": "oauth2", "data": {"refresh_token": "token-of-a-user" * 8}}
CONNECT = """
mutation Connect($input: ConnectProviderInput!) {
  connectProvider(input: $input) {
    __typename
    ... on ConnectProviderSuccess {
      attemptId
      cursor
      connection { id status connectedAt provider { slug } }
    }
    ... on Error { message }
  }
}
"""
REFRESH = """
mutation Refresh($input: RefreshCredentialsInput!) {
  refreshCredentials(input: $input) {
    __typename
    ... on RefreshCredentialsSuccess {
      connection { id status credentialsVersion updatedAt provider { slug } }
    }
    ... on Error { message }
  }
}
"""


def services(settings: Settings) -> list[Row]:
    """On SQLite, durable: as fast as disconnecting."""
    floor, connect, refresh = alternating(
        settings.rounds,
        partial(_disconnect_rate, settings),
        partial(_rate, settings, _connects, "ConnectProviderSuccess"),
        partial(_rate, settings, _refreshes, "RefreshCredentialsSuccess"),
    )
    return [
        Row(
            name=f"9 {name}, SQLite, {CONNECTIONS} connections",
            unit="requests/s",
            value=value,
            floor=floor,
            floor_name="disconnectProvider",
            target=1.0,
            at="least",
        )
        for name, value in (("connectProvider", connect), ("refreshCredentials", refresh))
    ]


@contextlib.contextmanager
def _installed(settings: Settings) -> Iterator[Installation]:
    total = settings.seconds + settings.warm_up
    with tempfile.TemporaryDirectory() as directory:
        installation = Installation(
            database_url=f"sqlite://{directory}/unplug.sqlite3",
            directory=Path(directory),
            users=USERS,
            connections=int(DURABLE_AT_MOST * total),
        )
        installation.prepare()
        yield installation


def _disconnect_rate(settings: Settings) -> float:
    with _installed(settings) as installation, installation.serving() as server:
        ids, tokens = installation.connection_ids, installation.tokens
        return mutate(server, settings, CONNECTIONS, ids, tokens).rate


def _rate(settings: Settings, bodies: Callable[[Installation], list[str]], expected: str) -> float:
    with _installed(settings) as installation, installation.serving_services() as server:
        return _load(server, settings, bodies(installation), expected)


def _load(server: Server, settings: Settings, bodies: Sequence[str], expected: str) -> float:
    plan = Plan(
        port=server.port,
        connections=CONNECTIONS,
        seconds=settings.seconds,
        warm_up=settings.warm_up,
        tokens=[service_token()],
        bodies=list(bodies),
        expect=f'"__typename":"{expected}"',
    )
    return http_load(plan).rate


def _connects(installation: Installation) -> list[str]:
    provider = {"id": str(UUID(int=2)), "slug": "chase"}
    return [
        _body(
            CONNECT,
            userId=str(UUID(int=1 + n % USERS)),
            provider=provider,
            credentials=CREDENTIALS,
            attemptId=str(UUID(int=1 + n)),
        )
        for n in range(installation.connections)
    ]


def _refreshes(installation: Installation) -> list[str]:
    return [
        _body(REFRESH, connectionId=id_, credentialsVersion=1, credentials=CREDENTIALS)
        for id_ in installation.connection_ids
    ]


def _body(query: str, **members: object) -> str:
    return json.dumps({"query": query, "variables": {"input": members}})
