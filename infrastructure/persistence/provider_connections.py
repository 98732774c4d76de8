"""Connections, read through Tortoise and written by the writer."""

from collections.abc import Sequence
from typing import Any

from tortoise import BaseDBAsyncClient
from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from domain.events import ProviderEvent, ProviderTokenRevocationAttempted, RecordedEvent
from domain.identifiers import ConnectionId, UserId
from domain.ports import (
    AccountConnections,
    ConnectionFilter,
    ConnectionKey,
    NotFound,
    Page,
    PageRequest,
)
from domain.provider_connection import ConnectionStatus, ProviderConnection, ProviderCredentials
from infrastructure.database.driver_errors import reading
from infrastructure.database.members import Write
from infrastructure.database.paging import Listing, read_page
from infrastructure.database.revocations import RevocationQueue
from infrastructure.database.rows.connections import CIPHERTEXT, READ_COLUMNS, connection_of
from infrastructure.database.rows.models import ProviderConnectionRow
from infrastructure.database.rows.values import as_uuid
from infrastructure.persistence.lookups import ConnectionLookup
from infrastructure.persistence.pending_revocations import EndingGrants
from infrastructure.persistence.writer import Writer


class TortoiseProviderConnectionRepository:
    """`ProviderConnectionRepository`, and what lists connections or reads their secrets."""

    def __init__(
        self, client: BaseDBAsyncClient, writer: Writer, revocations: RevocationQueue
    ) -> None:
        self._client = client
        self._writer = writer
        self._lookup = ConnectionLookup(client)
        self._ending_grants = EndingGrants(client, revocations)

    async def find_by_id(self, connection_id: ConnectionId) -> ProviderConnection | None:
        found = await self._lookup.find(connection_id)
        return None if isinstance(found, NotFound) else found

    async def find_owned(
        self, connection_id: ConnectionId, user_id: UserId
    ) -> ProviderConnection | NotFound:
        return await self._lookup.find(connection_id, user_id)

    async def find_with_credentials(self, connection_id: ConnectionId) -> ProviderConnection | None:
        rows = ProviderConnectionRow.filter(id=connection_id).using_db(self._client)
        with reading():
            found = await rows.values_list(*READ_COLUMNS, CIPHERTEXT)
        return connection_of(found[0][:-1], found[0][-1]) if found else None

    async def find_by_user_id(self, user_id: UserId) -> Sequence[ProviderConnection]:
        rows = ProviderConnectionRow.filter(user_id=user_id).using_db(self._client)
        with reading():
            found = await rows.order_by(*_LISTING.order).values_list(*READ_COLUMNS)
        return [connection_of(row) for row in found]

    async def save(
        self,
        connection: ProviderConnection,
        event: ProviderEvent,
        revocation: ProviderTokenRevocationAttempted | None = None,
    ) -> RecordedEvent:
        write = Write(events=(event,), connection=connection, revocation=revocation)
        return (await self._writer.write(write))[0]

    async def update(self, connection: ProviderConnection) -> None:
        await self._writer.write(Write(connection=connection))

    async def add(self, connection: ProviderConnection, event: ProviderEvent) -> RecordedEvent:
        write = Write(events=(event,), connection=connection, is_new=True)
        (recorded,) = await self._writer.write(write)
        return recorded

    async def revoke_late(
        self, credentials: ProviderCredentials, revocation: ProviderTokenRevocationAttempted
    ) -> bool:
        late = Write(revocation=revocation, late=credentials.encrypted_data)
        return bool(await self._writer.write(late))

    async def grant_is_ending(self, connection: ProviderConnection) -> bool:
        return await self._ending_grants.include(connection)

    async def find_account(
        self, user_id: UserId, provider_slug: str, account_id: str
    ) -> AccountConnections:
        rows = ProviderConnectionRow.filter(
            user_id=user_id, provider_slug=provider_slug, provider_account_id=account_id
        ).using_db(self._client)
        ended = ConnectionStatus.DISCONNECTED.value
        with reading():
            current = await rows.exclude(status=ended).values_list(*READ_COLUMNS)
            past = rows.filter(status=ended).order_by("-disconnected_at").limit(1)
            previous = await past.values_list("id")
        return AccountConnections(
            current=connection_of(current[0]) if current else None,
            previous_id=ConnectionId(as_uuid(previous[0][0])) if previous else None,
        )

    async def records(
        self, wanted: ConnectionFilter, request: PageRequest[ConnectionKey]
    ) -> Page[ProviderConnection]:
        rows = ProviderConnectionRow.all().using_db(self._client)
        if wanted.user_id is not None:
            rows = rows.filter(user_id=wanted.user_id)
        if wanted.provider_slug is not None:
            rows = rows.filter(provider_slug=wanted.provider_slug)
        if wanted.ids is not None:
            rows = rows.filter(id__in=wanted.ids)
        if (time := wanted.connected_before) is not None:
            known, unknown = Q(connected_at__lt=time), Q(connected_at__isnull=True)
            rows = rows.filter(known | unknown & Q(created_at__lt=time))
        return await _read_page(rows, request, wanted.statuses)

    async def page(
        self,
        user_id: UserId,
        request: PageRequest[ConnectionKey],
        statuses: frozenset[ConnectionStatus] | None = None,
    ) -> Page[ProviderConnection]:
        rows = ProviderConnectionRow.filter(user_id=user_id).using_db(self._client)
        return await _read_page(rows, request, statuses)


async def _read_page(
    rows: QuerySet[ProviderConnectionRow],
    request: PageRequest[ConnectionKey],
    statuses: frozenset[ConnectionStatus] | None,
) -> Page[ProviderConnection]:
    if statuses is not None:
        rows = rows.filter(status__in=[status.value for status in statuses])
    with reading():
        return await read_page(rows, request, _LISTING)


def _compare(op: str, key: ConnectionKey) -> Q:
    other_time: dict[str, Any] = {f"created_at__{op[:2]}": key.created_at}
    same_time: dict[str, Any] = {"created_at": key.created_at, f"id__{op}": key.id}
    return Q(**other_time) | Q(**same_time)


_LISTING = Listing(
    columns=READ_COLUMNS, order=("created_at", "id"), compare=_compare, item=connection_of
)
