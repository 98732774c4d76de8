"""All credentials, page by page, for re-encryption."""

from collections.abc import Sequence

from tortoise import BaseDBAsyncClient
from tortoise.queryset import QuerySet

from domain.identifiers import ConnectionId
from infrastructure.database.driver_errors import reading
from infrastructure.database.rows.models import ProviderConnectionRow
from infrastructure.database.store import Store, StoredCredential


class TortoiseStoredCredentials:
    """`StoredCredentials`."""

    def __init__(self, client: BaseDBAsyncClient, store: Store) -> None:
        self._client = client
        self._store = store

    async def count(self) -> int:
        with reading():
            return await self._rows().count()

    async def page(self, after: ConnectionId | None, limit: int) -> Sequence[StoredCredential]:
        rows = self._rows() if after is None else self._rows().filter(id__gt=after)
        with reading():
            found = await (
                rows.order_by("id")
                .limit(limit)
                .values_list("id", "version", "encrypted_credentials")
            )
        return [
            StoredCredential(connection_id=id_, version=version, encrypted_data=encrypted)
            for id_, version, encrypted in found
        ]

    async def replace(self, changed: Sequence[StoredCredential]) -> int:
        return await self._store.replace_credentials(changed)

    def _rows(self) -> QuerySet[ProviderConnectionRow]:
        rows = ProviderConnectionRow.filter(encrypted_credentials__isnull=False)
        return rows.using_db(self._client)
