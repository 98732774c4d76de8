"""The wire on fakes: the app as it is served, without a database."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeAlias
from uuid import UUID

import httpx
from starlette.applications import Starlette

from domain.commands.disconnect_all_providers import DisconnectAllProvidersHandler
from domain.commands.disconnect_provider import DisconnectProviderHandler
from domain.identifiers import UserId
from domain.ports import AccessToken, AccessTokens, EventFeed, KeysUnavailable
from domain.provider_connection import ConnectionStatus, ProviderConnection, ProviderCredentials
from infrastructure.command_runner import OnePerUser, together
from infrastructure.observability.access_log import JsonAccessLog
from infrastructure.running_commands import AttemptNotes, RunningCommands
from schema.admission.access_log import AccessLog
from schema.admission.draining import OpenStreams
from schema.asgi import Observers, WireSettings, graphql_app, viewer_gateway
from schema.build import build_schema
from schema.execution.gateway import Call, Gateway
from schema.execution.request import GraphQLRequest
from schema.viewer.context import Services
from tests.support.fakes.clock_and_ids import FakeClock, FakeIds
from tests.support.fakes.connections import InMemoryProviderConnectionRepository
from tests.support.fakes.event_feed import InMemoryEventFeed
from tests.support.fakes.events import InMemoryEventBus, InMemoryEventLog
from tests.support.fakes.world import World
from tests.support.ids import a_connection, a_provider, a_user

ADA, BOB = a_user(0xADA), a_user(0xB0B)
SCHEMA = build_schema()

Json: TypeAlias = Any
"""Decoded JSON, or a field of an entity: tests look into it as they like."""


class NamedTokens:
    """`AccessTokens`: a user's UUID is that user's token."""

    async def verify(self, token: str) -> AccessToken[UserId] | None:
        try:
            user_id = UserId(UUID(token))
        except ValueError:
            return None
        return AccessToken(caller=user_id, expires_at=datetime.now(UTC) + timedelta(hours=1))


class UnverifiableTokens:
    """`AccessTokens` while the issuer's keys can't be had."""

    async def verify(self, token: str) -> AccessToken[UserId] | None:
        del token
        raise KeysUnavailable(2.4)


class CountingTelemetry:
    """Remembers limits that were hit, commands that ended, and how many subscriptions are open."""

    def __init__(self) -> None:
        self.limits: list[str] = []
        self.subscriptions: Counter[str] = Counter()
        self.commands: list[str] = []

    def command_finished(self, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        self.commands.append(outcome)

    def subscription_started(self, transport: str) -> None:
        self.subscriptions[transport] += 1

    def subscription_ended(self, transport: str) -> None:
        self.subscriptions[transport] -= 1

    def event_sent(self, occurred_at: datetime) -> None: ...

    def limit_hit(self, limit: str) -> None:
        self.limits.append(limit)


class RecordedAccess:
    """An `AccessLog` that keeps transport, outcome and caller of each line."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[str, str]] = []
        self.callers: list[Hashable] = []

    def record(self, *, transport: str, outcome: str, caller: Hashable, **_: object) -> None:
        self.outcomes.append((transport, outcome))
        self.callers.append(caller)


class Wire:
    """The GraphQL app on a world in memory."""

    def __init__(
        self,
        settings: WireSettings | None = None,
        *,
        tokens: AccessTokens[UserId] | None = None,
        access_log: AccessLog | None = None,
        feed: Callable[[World], EventFeed] = InMemoryEventFeed,
    ) -> None:
        self.world = World()
        self.clock = FakeClock()
        self.telemetry = CountingTelemetry()
        self.ids = FakeIds()
        connections = InMemoryProviderConnectionRepository(self.world)
        notes = AttemptNotes(InMemoryEventBus(self.world))
        handler = DisconnectProviderHandler(connections, notes, now=self.clock, new_id=self.ids)
        all_of_a_user = DisconnectAllProvidersHandler(
            handler, connections, notes, InMemoryEventLog(self.world), together
        )
        self.services = Services(
            disconnect_provider=RunningCommands(
                handler, notes, self.world.close, self.telemetry.command_finished
            ),
            disconnect_all_providers=partial(OnePerUser().run, all_of_a_user),
            connection_repo=connections,
            connections=connections,
            events=InMemoryEventLog(self.world),
            feed=feed(self.world),
            new_id=self.ids,
        )
        settings = settings or WireSettings()
        observers = Observers(
            access_log=access_log or JsonAccessLog(level="critical"), telemetry=self.telemetry
        )
        self.gateway: Gateway[UserId] = viewer_gateway(
            SCHEMA, self.services, tokens or NamedTokens(), settings, observers
        )
        self.app = graphql_app(self.gateway, settings, observers, self.ids, Starlette())

    @property
    def streams(self) -> OpenStreams:
        """What is open."""
        return self.app.admission.streams

    def call(
        self, query: str, variables: dict[str, object] | None = None, user_id: UserId = ADA
    ) -> Call[UserId]:
        """What its transports run, without a transport."""
        token = AccessToken(caller=user_id, expires_at=datetime.now(UTC) + timedelta(hours=1))
        call = Call(request_id="1", transport="http", token=token)
        self.gateway.prepare(call, GraphQLRequest(query, None, variables))
        return call

    def connect(self, user_id: UserId, number: int, **fields: Json) -> ProviderConnection:
        """A connection of the user's, `number` minutes after the first."""
        made = self.clock.now + timedelta(minutes=number)
        connection = ProviderConnection(
            id=a_connection((user_id.int << 16) + number),
            user_id=user_id,
            provider_id=a_provider(1),
            provider_slug="schwab",
            status=ConnectionStatus.ACTIVE,
            created_at=made,
            updated_at=made,
            credentials=ProviderCredentials(encrypted_data=b"secret", credential_type="oauth2"),
        )
        if fields.get("status", ConnectionStatus.ACTIVE) is not ConnectionStatus.ACTIVE:
            fields.setdefault("credentials", None)
        connection = replace(connection, **fields)
        self.world.add(connection)
        return connection

    @asynccontextmanager
    async def client(self, user_id: UserId | None = ADA) -> AsyncIterator["Client"]:
        """Talks to the app in this process."""
        headers = {} if user_id is None else {"authorization": f"Bearer {user_id}"}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=True)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://unplug.test", headers=headers
        ) as http:
            yield Client(http)


class Client:
    """GraphQL by POST, and anything else by `http`."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def post(self, query: str, **variables: object) -> httpx.Response:
        accept = {"accept": "application/graphql-response+json"}
        body = {"query": query, "variables": variables}
        return await self.http.post("/graphql", json=body, headers=accept)

    async def send(self, body: bytes | str | object, **headers: str) -> httpx.Response:
        """A body as it is, or as JSON; `content_type` and other headers as given."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes | str) else json.dumps(body)
        return await self.http.post(
            "/graphql", content=content, headers={"content-type": "application/json"} | named
        )

    async def data(self, query: str, **variables: object) -> Json:
        """The data of an answer without errors."""
        answer = (await self.post(query, **variables)).json()
        assert "errors" not in answer, answer
        return answer["data"]

    async def errors(self, query: str, **variables: object) -> Json:
        """The errors of an answer that has some."""
        return (await self.post(query, **variables)).json()["errors"]


def codes(response: httpx.Response) -> list[str]:
    """The codes of an answer's errors."""
    return [error["extensions"]["code"] for error in response.json()["errors"]]
