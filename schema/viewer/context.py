"""Who is asking, and what the resolvers may use to answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import strawberry

from domain.commands.disconnect_all_providers import BatchOutcome, DisconnectAllProviders
from domain.commands.disconnect_provider import DisconnectProvider, Outcome
from domain.events import EventCursor
from domain.identifiers import UserId
from domain.ports import ConnectionList, EventFeed, EventLog, NewId, ProviderConnectionRepository


class DisconnectProviderCommand(Protocol):
    """Runs the command to its end, also when its client hangs up."""

    async def __call__(self, command: DisconnectProvider, /) -> Outcome: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the resolvers work with; the same for every operation."""

    disconnect_provider: DisconnectProviderCommand
    disconnect_all_providers: Callable[[DisconnectAllProviders], Awaitable[BatchOutcome]]
    connection_repo: ProviderConnectionRepository
    connections: ConnectionList
    events: EventLog
    feed: EventFeed
    new_id: NewId


@dataclass(slots=True, kw_only=True)
class Context:
    """One operation of one viewer.

    `snapshot` is the viewer's event cursor, read before any root field when the operation selects
    `eventCursor`: it may be older than the data beside it, never newer. `last_event_id` is the
    cursor of a resumed event stream; it wins over the subscription's `after`. `failures`: codes of
    results that are expected failures, for the access log.
    """

    viewer_id: UserId
    services: Services
    snapshot: EventCursor | None = None
    last_event_id: str | None = None
    failures: list[str] = field(default_factory=list)


Info: TypeAlias = strawberry.Info[Context, None]
