"""The viewer's own connections and history."""

from functools import partial
from typing import Annotated

import strawberry

from domain.events import RecordedEvent, UnrecognizedEvent
from domain.identifiers import ConnectionId, EventId, UserId
from domain.ports import ConnectionKey
from domain.provider_connection import ConnectionStatus as DomainStatus
from domain.provider_connection import ProviderConnection
from schema.cursors import decode_connection_key, encode_connection_key, resolve_cursor
from schema.relay import (
    After,
    Before,
    Connection,
    First,
    Last,
    Node,
    given,
    page_request,
    parse_id,
    relay_connection,
)
from schema.shared_types import ConnectionStatus
from schema.viewer.context import Context, Info
from schema.viewer.event_types import ProviderEvent
from schema.viewer.events import to_graphql
from schema.viewer.types import ConnectedProvider

UNSET = strawberry.UNSET


@strawberry.type(description="Queries. They return the viewer's own data only.")
class Query:
    """Root of all queries."""

    @strawberry.field(description="Fetches one of the viewer's connections or events by its id.")
    async def node(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="A UUID.")],  # noqa: A002 (Relay's name)
    ) -> Node | None:
        """None for what is missing and for what is another user's."""
        node_id, viewer_id = parse_id(id, "id"), info.context.viewer_id
        services = info.context.services
        found = await services.connection_repo.find_owned(ConnectionId(node_id), viewer_id)
        if isinstance(found, ProviderConnection):
            return ConnectedProvider.of(found)
        recorded = await services.events.find(viewer_id, EventId(node_id))
        return None if recorded is None else _shown(recorded)

    @strawberry.field(description="The viewer's connections, in order of creation.")
    async def connected_providers(
        self,
        info: Info,
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
        status: Annotated[
            list[ConnectionStatus] | None,
            strawberry.argument(description="Only connections with one of these statuses."),
        ] = UNSET,
    ) -> Connection[ConnectedProvider]:
        """A page of the viewer's connections."""
        viewer_id = info.context.viewer_id
        after, before, wanted = given(after), given(before), given(status)
        page = await info.context.services.connections.page(
            viewer_id,
            page_request(
                first,
                last,
                None if after is None else decode_connection_key(after, viewer_id),
                None if before is None else decode_connection_key(before, viewer_id),
            ),
            None if wanted is None else frozenset(DomainStatus[s.name] for s in wanted),
        )
        return relay_connection(page, partial(_cursor, viewer_id), ConnectedProvider.of)

    @strawberry.field(
        description=(
            "The viewer's events, in order of position. `last` and `before` page back through "
            "history."
        )
    )
    async def provider_events(
        self,
        info: Info,
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
        connection_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Only events of this connection. A UUID."),
        ] = UNSET,
    ) -> Connection[ProviderEvent]:
        """A page of the viewer's history."""
        viewer_id, events = info.context.viewer_id, info.context.services.events
        after, before, only = given(after), given(before), given(connection_id)
        wanted = page_request(
            first,
            last,
            None if after is None else (await resolve_cursor(after, viewer_id, events)).position,
            None if before is None else (await resolve_cursor(before, viewer_id, events)).position,
        )
        page = await events.page(
            viewer_id,
            wanted,
            None if only is None else ConnectionId(parse_id(only, "connectionId")),
        )
        return relay_connection(page, lambda item: item.cursor.encode(), _shown)

    @strawberry.field(
        description=(
            "Cursor of the viewer's latest event. Pass it to the subscription as `after` to "
            "receive every event that happens after this snapshot."
        )
    )
    async def event_cursor(self, info: Info) -> str:
        """Read before any other root field resolves, see `read_snapshot`."""
        snapshot = info.context.snapshot
        if snapshot is None:
            raise RuntimeError("the snapshot was not read")
        return snapshot.encode()


async def read_snapshot(context: Context) -> None:
    """For an operation that selects `eventCursor`, before any root field resolves."""
    context.snapshot = await context.services.events.head(context.viewer_id)


def _cursor(viewer_id: UserId, item: ProviderConnection) -> str:
    return encode_connection_key(viewer_id, ConnectionKey(item.created_at, item.id))


def _shown(item: RecordedEvent) -> ProviderEvent | None:
    return None if isinstance(item.event, UnrecognizedEvent) else to_graphql(item)
