"""The same job as one would write it first: Strawberry, Tortoise's models, a queue per subscriber.

Durable (`synchronous=FULL`), with positions per user, and state and event in one transaction.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import strawberry
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from strawberry.asgi import GraphQL
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from tortoise import Tortoise, fields
from tortoise.models import Model
from tortoise.transactions import in_transaction
from uuid_utils.compat import uuid7


class Link(Model):
    """A provider connection."""

    id = fields.UUIDField(primary_key=True)
    user_id = fields.UUIDField()
    slug = fields.CharField(max_length=50)
    status = fields.CharField(max_length=20)
    credentials = fields.BinaryField(null=True)
    disconnected_at = fields.DatetimeField(null=True)


class Head(Model):
    """A user's last position."""

    user_id = fields.UUIDField(primary_key=True)
    position = fields.IntField()


class Event(Model):
    """An event of a user's log."""

    id = fields.UUIDField(primary_key=True)
    user_id = fields.UUIDField()
    position = fields.IntField()
    kind = fields.CharField(max_length=20)
    connection_id = fields.UUIDField()
    attempt_id = fields.UUIDField()
    occurred_at = fields.DatetimeField()

    class Meta:
        """One event at a position."""

        unique_together = (("user_id", "position"),)


@strawberry.type
class LinkType:
    """A connection, as clients see it."""

    id: strawberry.ID
    status: str
    disconnected_at: datetime | None
    provider: "ProviderType"


@strawberry.type
class ProviderType:
    """A provider, as clients see it."""

    slug: str


@strawberry.type
class DisconnectProviderSuccess:
    """Done."""

    attempt_id: strawberry.ID
    cursor: str
    connected_provider: LinkType


@strawberry.type
class Error:
    """Not done."""

    message: str


@strawberry.type
class EventType:
    """An event, as clients see it."""

    id: strawberry.ID
    position: int
    cursor: str
    occurred_at: datetime
    attempt_id: strawberry.ID
    connection_id: strawberry.ID


@strawberry.input
class DisconnectProviderInput:
    """What to disconnect."""

    connection_id: strawberry.ID


queues: defaultdict[UUID, set[asyncio.Queue[Event]]] = defaultdict(set)


async def _record(user_id: UUID, kind: str, connection_id: UUID, attempt_id: UUID) -> Event:
    head, _ = await Head.get_or_create(user_id=user_id, defaults={"position": 0})
    head.position += 1
    await head.save()
    return await Event.create(
        id=uuid7(),
        user_id=user_id,
        position=head.position,
        kind=kind,
        connection_id=connection_id,
        attempt_id=attempt_id,
        occurred_at=datetime.now(UTC),
    )


def _publish(event: Event) -> None:
    for queue in queues[event.user_id]:
        queue.put_nowait(event)


@strawberry.type
class Query:
    """Nothing to read."""

    nothing: str = ""


@strawberry.type
class Mutation:
    """The one mutation."""

    @strawberry.mutation
    async def disconnect_provider(
        self,
        input: DisconnectProviderInput,  # noqa: A002 (the contract's name)
    ) -> DisconnectProviderSuccess | Error:
        """Find, record the attempt, change and record the success."""
        link_id, attempt_id = UUID(input.connection_id), uuid7()
        link = await Link.get_or_none(id=link_id)
        if link is None:
            return Error(message="Connection not found")
        async with in_transaction():
            attempted = await _record(link.user_id, "attempted", link.id, attempt_id)
        _publish(attempted)
        async with in_transaction():
            link.status = "disconnected"
            link.credentials = None
            link.disconnected_at = link.disconnected_at or datetime.now(UTC)
            await link.save()
            succeeded = await _record(link.user_id, "succeeded", link.id, attempt_id)
        _publish(succeeded)
        return DisconnectProviderSuccess(
            attempt_id=strawberry.ID(str(attempt_id)),
            cursor=str(succeeded.position),
            connected_provider=LinkType(
                id=strawberry.ID(str(link.id)),
                status=link.status,
                disconnected_at=link.disconnected_at,
                provider=ProviderType(slug=link.slug),
            ),
        )


@strawberry.type
class Subscription:
    """The one subscription."""

    @strawberry.subscription
    async def provider_events(
        self,
        info: strawberry.Info[Any, None],
        after: str | None = None,  # noqa: ARG002 (it can't resume)
    ) -> AsyncGenerator[EventType, None]:
        """Live events of the user who is named in the token's place."""
        user_id = UUID(info.context["connection_params"]["authorization"].split()[1])
        queue: asyncio.Queue[Event] = asyncio.Queue()
        queues[user_id].add(queue)
        try:
            while True:
                event = await queue.get()
                yield EventType(
                    id=strawberry.ID(str(event.id)),
                    position=event.position,
                    cursor=str(event.position),
                    occurred_at=event.occurred_at,
                    attempt_id=strawberry.ID(str(event.attempt_id)),
                    connection_id=strawberry.ID(str(event.connection_id)),
                )
        finally:
            queues[user_id].discard(queue)


def app(path: str, users: str, links_per_user: str) -> ASGIApp:
    """The whole server on a new database at `path`, with its users' connections in it."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await Tortoise.init(
            db_url=f"sqlite://{path}?journal_mode=WAL&synchronous=FULL",
            modules={"models": ["benchmarks.straightforward"]},
            _enable_global_fallback=True,
        )
        await Tortoise.generate_schemas()
        for user in range(1, int(users) + 1):
            await Link.bulk_create(
                Link(
                    id=UUID(int=user * 1000 + n),
                    user_id=UUID(int=user),
                    slug="schwab",
                    status="active",
                    credentials=b"x" * 200,
                )
                for n in range(int(links_per_user))
            )
        yield
        await Tortoise.close_connections()

    view = GraphQL(
        strawberry.Schema(Query, Mutation, Subscription),
        graphql_ide=None,
        subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
    )
    return Starlette(
        routes=[
            Route("/graphql", view, methods=["POST"]),
            WebSocketRoute("/graphql", view),
        ],
        lifespan=lifespan,
    )
