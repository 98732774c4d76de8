"""Finding connections by id, many at a time."""

import asyncio
from collections.abc import Mapping

import orjson
from tortoise import BaseDBAsyncClient

from domain.identifiers import ConnectionId
from domain.provider_connection import ProviderConnection
from infrastructure.database.driver_errors import reading
from infrastructure.database.rows import CONNECTION_COLUMNS, connection_of

_SELECT = f"SELECT {', '.join(CONNECTION_COLUMNS)} FROM provider_connections WHERE id"
_IN_LIST = {
    "sqlite": "IN (SELECT value FROM json_each(?))",
    "postgres": "IN (SELECT value::uuid FROM json_array_elements_text($1::json))",
}


class ConnectionLookup:
    """Who asks while a query is under way is answered by the next one, together with all others.

    A query begins after everybody whom it answers has asked, so each sees what was committed
    before.
    """

    def __init__(self, client: BaseDBAsyncClient) -> None:
        self._client = client
        self._sql = f"{_SELECT} {_IN_LIST[client.capabilities.dialect]}"
        self._reading = asyncio.Lock()
        self._wanted: set[ConnectionId] = set()
        self._next: asyncio.Task[Mapping[ConnectionId, ProviderConnection]] | None = None

    async def find(self, connection_id: ConnectionId) -> ProviderConnection | None:
        """Raises `StorageError`."""
        self._wanted.add(connection_id)
        if self._next is None:
            self._next = asyncio.create_task(self._read())
        # Shared: who hangs up must not cancel it for the others.
        return (await asyncio.shield(self._next)).get(connection_id)

    async def _read(self) -> Mapping[ConnectionId, ProviderConnection]:
        async with self._reading:
            ids = orjson.dumps([str(item) for item in self._wanted]).decode()
            self._wanted, self._next = set(), None
            with reading():
                _, rows = await self._client.execute_query(self._sql, [ids])
            return {item.id: item for item in map(connection_of, map(tuple, rows))}
