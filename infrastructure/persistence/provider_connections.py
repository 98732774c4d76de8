"""Connections, read through Tortoise and written by the writer."""

from collections.abc import Sequence
from typing import Any

from tortoise import BaseDBAsyncClient
from tortoise.expressions import Q

from domain.events import ProviderEvent, RecordedEvent
from domain.identifiers import ConnectionId, UserId
from domain.ports import ConnectionKey, Page, Window
from domain.provider_connection import ConnectionStatus, ProviderConnection
from infrastructure.database.driver_errors import reading
from infrastructure.database.models import ProviderConnectionRow
from infrastructure.database.paging import read_page
from infrastructure.database.rows import CIPHERTEXT, READ_COLUMNS, connection_of
from infrastructure.database.store import Write
from infrastructure.persistence.connection_lookup import ConnectionLookup
from infrastructure.persistence.writer import Writer

_ORDER = ("created_at", "id")


class TortoiseProviderConnectionRepository:
    """`ProviderConnectionRepository`, `ConnectionList` and `ConnectionSecrets`."""

    def __init__(self, client: BaseDBAsyncClient, writer: Writer) -> None:
        self._client = client
        self._writer = writer
        self._lookup = ConnectionLookup(client)

    async def find_by_id(self, connection_id: ConnectionId) -> ProviderConnection | None:
        """See `ProviderConnectionRepository.find_by_id`."""
        return await self._lookup.find(connection_id)

    async def find_with_credentials(self, connection_id: ConnectionId) -> ProviderConnection | None:
        """As `ConnectionSecrets` promises."""
        rows = ProviderConnectionRow.filter(id=connection_id).using_db(self._client)
        with reading():
            found = await rows.values_list(*READ_COLUMNS, CIPHERTEXT)
        return connection_of(found[0][:-1], found[0][-1]) if found else None

    async def find_by_user_id(self, user_id: UserId) -> Sequence[ProviderConnection]:
        """See `ProviderConnectionRepository.find_by_user_id`."""
        rows = ProviderConnectionRow.filter(user_id=user_id).using_db(self._client)
        with reading():
            found = await rows.order_by(*_ORDER).values_list(*READ_COLUMNS)
        return [connection_of(row) for row in found]

    async def save(self, connection: ProviderConnection, event: ProviderEvent) -> RecordedEvent:
        """See `ProviderConnectionRepository.save`."""
        (recorded,) = await self._writer.write(Write(events=(event,), connection=connection))
        return recorded

    async def page(
        self,
        user_id: UserId,
        window: Window[ConnectionKey],
        statuses: frozenset[ConnectionStatus] | None = None,
    ) -> Page[ProviderConnection]:
        """See `ConnectionList.page`."""
        rows = ProviderConnectionRow.filter(user_id=user_id).using_db(self._client)
        if statuses is not None:
            rows = rows.filter(status__in=[status.value for status in statuses])
        with reading():
            return await read_page(
                rows,
                window,
                columns=READ_COLUMNS,
                order=_ORDER,
                compare=_compare,
                item=connection_of,
            )


def _compare(op: str, key: ConnectionKey) -> Q:
    other_time: dict[str, Any] = {f"created_at__{op[:2]}": key.created_at}
    same_time: dict[str, Any] = {"created_at": key.created_at, f"id__{op}": key.id}
    return Q(**other_time) | Q(**same_time)
