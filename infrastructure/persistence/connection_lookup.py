"""Finding connections by id, many at a time."""

import asyncio
from collections.abc import Sequence
from typing import TypeAlias

import orjson
from tortoise import BaseDBAsyncClient

from domain.identifiers import ConnectionId, UserId
from domain.ports import NotFound
from domain.provider_connection import ProviderConnection
from infrastructure.database.driver_errors import reading
from infrastructure.database.rows.connections import READ_COLUMNS, connection_of

PATIENCE = 0.05
"""Seconds for which a query waits for the one before it."""

Wanted: TypeAlias = tuple[ConnectionId, UserId | None]
"""A connection, and the user who must own it; None for any."""
Found: TypeAlias = ProviderConnection | NotFound

_WANTED = {
    "sqlite": ("SELECT key AS number, value ->> 0 AS id, value ->> 1 AS user_id FROM json_each(?)"),
    "postgres": (
        "SELECT ordinality AS number, (value ->> 0)::uuid AS id, (value ->> 1)::uuid AS user_id"
        " FROM json_array_elements($1::json) WITH ORDINALITY"
    ),
}
_SELECT = (
    "SELECT there.id IS NOT NULL, "
    + ", ".join(f"own.{column}" for column in READ_COLUMNS)
    + " FROM ({}) AS wanted"
    " LEFT JOIN provider_connections AS there ON there.id = wanted.id"
    " LEFT JOIN provider_connections AS own ON own.id = wanted.id"
    " AND (wanted.user_id IS NULL OR own.user_id = wanted.user_id)"
    " ORDER BY wanted.number"
)
"""One row for each that is wanted, so that one of another user costs what a missing one does."""


class ConnectionLookup:
    """Callers that ask while a query is under way are answered together, by the next one.

    A query begins after all its callers have asked, so each sees what was committed before. A query
    that hangs, because its connection leads nowhere, holds up the next one for `PATIENCE` only.
    """

    def __init__(self, client: BaseDBAsyncClient) -> None:
        self._client = client
        self._sql = _SELECT.format(_WANTED[client.capabilities.dialect])
        self._wanted: list[Wanted] = []
        self._running: asyncio.Task[Sequence[Found]] | None = None
        self._next: asyncio.Task[Sequence[Found]] | None = None

    async def find(self, connection_id: ConnectionId, user_id: UserId | None = None) -> Found:
        """A user's own, or any user's when none is named. Raises `StorageError`."""
        place = len(self._wanted)
        self._wanted.append((connection_id, user_id))
        if self._next is None:
            self._next = asyncio.create_task(self._read())
        # Shared: a caller that is cancelled must not cancel it for the others.
        return (await asyncio.shield(self._next))[place]

    async def _read(self) -> Sequence[Found]:
        if self._running is not None:
            await asyncio.wait({self._running}, timeout=PATIENCE)
        wanted = self._wanted
        self._wanted, self._running, self._next = [], self._next, None
        given = orjson.dumps(wanted, default=str).decode()
        with reading():
            _, rows = await self._client.execute_query(self._sql, [given])
        return [_found(*row) for row in map(tuple, rows)]


def _found(there: bool, *row: object) -> Found:
    if row[_ID] is not None:
        return connection_of(row)
    return NotFound.NOT_OWNED if there else NotFound.MISSING


_ID = READ_COLUMNS.index("id")
