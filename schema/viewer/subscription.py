"""The viewer's log, live."""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Annotated, cast

import strawberry

from domain.events import EventCursor, RecordedEvent, UnrecognizedEvent
from domain.identifiers import ConnectionId
from domain.ports import Attachment, EventFeed, EventSubscriber
from schema.cursors import resolve_cursor
from schema.relay import given, parse_id
from schema.viewer.context import Info
from schema.viewer.event_types import ProviderEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStream:
    """An `EventSource`: the viewer's events after a cursor, maybe of one connection only."""

    feed: EventFeed
    after: EventCursor
    connection_id: ConnectionId | None

    def wants(self, recorded: RecordedEvent) -> bool:
        """Whether an event of the viewer is one of those that were asked for."""
        event = recorded.event
        wanted = self.connection_id is None or self.connection_id == event.connection_id
        return wanted and not isinstance(event, UnrecognizedEvent)

    def attach(self, subscriber: EventSubscriber) -> Attachment:
        """Follows the viewer's log."""
        return self.feed.attach(self.after, subscriber)

    def __aiter__(self) -> AsyncIterator[RecordedEvent]:
        """What graphql-core accepts as a stream. No transport iterates it."""
        raise NotImplementedError


@strawberry.type(description="Subscriptions.")
class Subscription:
    """Root of all subscriptions."""

    @strawberry.subscription(
        description=(
            "The viewer's events: those after the cursor `after`, or those that happen from now on "
            "when it is omitted."
        )
    )
    async def provider_events(
        self,
        info: Info,
        after: Annotated[
            str | None, strawberry.argument(description="Only events after this cursor.")
        ] = strawberry.UNSET,
        connection_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Only events of this connection. A UUID."),
        ] = strawberry.UNSET,
    ) -> AsyncGenerator[ProviderEvent, None]:  # Strawberry's name for a stream of this type
        """Refused before the first event with `INVALID_CURSOR` or `BAD_USER_INPUT`."""
        services, viewer_id = info.context.services, info.context.viewer_id
        after, connection_id = info.context.last_event_id or given(after), given(connection_id)
        only = (
            None if connection_id is None else ConnectionId(parse_id(connection_id, "connectionId"))
        )
        if after is None:
            start = await services.events.head(viewer_id)
        else:
            start = await resolve_cursor(after, viewer_id, services.events)
        stream = EventStream(feed=services.feed, after=start, connection_id=only)
        return cast("AsyncGenerator[ProviderEvent, None]", stream)
