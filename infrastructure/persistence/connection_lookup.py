"""Finding connections by id, many at a time."""

import asyncio
from collections.abc import Mapping

import orjson
from tortoise import BaseDBAsyncClient

from domain.identifiers import ConnectionId
from domain.provider_connection import ProviderConnection
from infrastructure.database.driver_errors import reading
from infrastructure.database.rows import READ_COLUMNS, connection_of

PATIENCE = 0.05
"""Seconds for which a query waits for the one before it."""

_SELECT = f"SELECT {', '.join(READ_COLUMNS)} FROM provider_connections WHERE id"
_IN_LIST = {
    "sqlite": "IN (SELECT value FROM json_each(?))",
    "postgres": "IN (SELECT value::uuid FROM json_array_elements_text($1::json))",
}


class ConnectionLookup:
    """Callers that ask while a query is under way are answered together, by the next one.

    A query begins after all its callers have asked, so each sees what was committed before. A query
    that hangs, because its connection leads nowhere, holds up the next one for `PATIENCE` only.
    """

    def __init__(self, client: BaseDBAsyncClient) -> None:
        self._client = client
        self._sql = f"{_SELECT} {_IN_LIST[client.capabilities.dialect]}"
        self._wanted: set[ConnectionId] = set()
        self._running: asyncio.Task[Mapping[ConnectionId, ProviderConnection]] | None = None
        self._next: asyncio.Task[Mapping[ConnectionId, ProviderConnection]] | None = None

    async def find(self, connection_id: ConnectionId) -> ProviderConnection | None:
        """Raises `StorageError`."""
        self._wanted.add(connection_id)
        if self._next is None:
            self._next = asyncio.create_task(self._read())
        # Shared: a caller that is cancelled must not cancel it for the others.
        return (await asyncio.shield(self._next)).get(connection_id)

    async def _read(self) -> Mapping[ConnectionId, ProviderConnection]:
        if self._running is not None:
            await asyncio.wait({self._running}, timeout=PATIENCE)
        ids = orjson.dumps(list(self._wanted), default=str).decode()
        self._wanted, self._running, self._next = set(), self._next, None
        with reading():
            _, rows = await self._client.execute_query(self._sql, [ids])
        return {item.id: item for item in map(connection_of, map(tuple, rows))}
