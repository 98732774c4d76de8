"""Questions that come many at a time, and are asked of the database together."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeAlias, TypeVar
from uuid import UUID

import orjson
from tortoise import BaseDBAsyncClient

from domain.events import EventCursor
from domain.identifiers import ConnectionId, EventId, UserId
from domain.ports import NotFound
from domain.provider_connection import ProviderConnection
from infrastructure.database.driver_errors import reading
from infrastructure.database.rows.connections import READ_COLUMNS, connection_of
from infrastructure.database.rows.values import uuid_or_none

AskedT = TypeVar("AskedT")
FoundT = TypeVar("FoundT")

PATIENCE = 0.05
"""Seconds for which a query waits for the one before it."""


class SharedQuery(Generic[AskedT, FoundT]):
    """Callers that ask while a query is under way are answered together, by the next one.

    A query begins after all its callers have asked, so each sees what was committed before. A query
    that hangs, because its connection leads nowhere, holds up the next one for `PATIENCE` only.
    """

    def __init__(self, query: Callable[[Sequence[AskedT]], Awaitable[Sequence[FoundT]]]) -> None:
        """`query` has an answer for each that was asked, in their order."""
        self._query = query
        self._asked: list[AskedT] = []
        self._running: asyncio.Task[Sequence[FoundT]] | None = None
        self._next: asyncio.Task[Sequence[FoundT]] | None = None

    async def ask(self, item: AskedT) -> FoundT:
        """Raises what the query raises."""
        place = len(self._asked)
        self._asked.append(item)
        if self._next is None:
            self._next = asyncio.create_task(self._read())
        # Shared: a caller that is cancelled must not cancel it for the others.
        return (await asyncio.shield(self._next))[place]

    async def _read(self) -> Sequence[FoundT]:
        if self._running is not None:
            await asyncio.wait({self._running}, timeout=PATIENCE)
        asked = self._asked
        self._asked, self._running, self._next = [], self._next, None
        return await self._query(asked)


Wanted: TypeAlias = tuple[ConnectionId, UserId | None]
"""A connection, and the user who must own it; None for any."""
Found: TypeAlias = ProviderConnection | NotFound

_OWN = (
    "there.id IS NOT NULL, "
    + ", ".join(f"own.{column}" for column in READ_COLUMNS)
    + "{} FROM ({}) AS wanted"
    " LEFT JOIN provider_connections AS there ON there.id = wanted.id"
    " LEFT JOIN provider_connections AS own ON own.id = wanted.id"
    " AND (wanted.user_id IS NULL OR own.user_id = wanted.user_id)"
)
"""One row for each that is wanted, so that one of another user costs what a missing one does."""
_HEADS = "heads.position, heads.event_id{} FROM ({}) AS wanted LEFT JOIN log_heads AS heads"

# SQLite gives all rows as one: for each row that is fetched, `sqlite3` lets go of the interpreter's
# lock, and waits for it where the event loop is busy.
_FIND_CONNECTIONS = {
    "sqlite": "SELECT json_group_array(json_array(wanted.number, "
    + _OWN.format(
        "))", "SELECT key AS number, value ->> 0 AS id, value ->> 1 AS user_id FROM json_each(?)"
    ),
    "postgres": "SELECT wanted.number, "
    + _OWN.format(
        "",
        "SELECT ordinality - 1 AS number, (value ->> 0)::uuid AS id, (value ->> 1)::uuid AS user_id"
        " FROM json_array_elements($1::json) WITH ORDINALITY",
    ),
}
_FIND_HEADS = {
    "sqlite": "SELECT json_group_array(json_array(wanted.number, "
    + _HEADS.format("))", "SELECT key AS number, value AS user_id FROM json_each(?)")
    + " ON heads.user_id = wanted.user_id",
    "postgres": "SELECT wanted.number, "
    + _HEADS.format(
        "",
        "SELECT ordinality - 1 AS number, value::uuid AS user_id"
        " FROM json_array_elements_text($1::json) WITH ORDINALITY",
    )
    + " ON heads.user_id = wanted.user_id",
}


class ConnectionLookup:
    """Finds connections by id."""

    def __init__(self, client: BaseDBAsyncClient) -> None:
        self._client = client
        self._shared = SharedQuery(self._read)

    async def find(self, connection_id: ConnectionId, user_id: UserId | None = None) -> Found:
        """A user's own, or any user's when none is named. Raises `StorageError`."""
        return await self._shared.ask((connection_id, user_id))

    async def _read(self, wanted: Sequence[Wanted]) -> Sequence[Found]:
        rows = await _numbered(self._client, _FIND_CONNECTIONS, wanted)
        return [_found(*row) for row in rows]


def _found(there: bool, *row: object) -> Found:
    if row[_ID] is not None:
        return connection_of(row)
    return NotFound.NOT_OWNED if there else NotFound.MISSING


_ID = READ_COLUMNS.index("id")


class HeadLookup:
    """Finds the ends of users' logs."""

    def __init__(self, client: BaseDBAsyncClient) -> None:
        self._client = client
        self._shared = SharedQuery(self._read)

    async def find(self, user_id: UserId) -> EventCursor:
        """At position 0 for an empty log. Raises `StorageError`."""
        return await self._shared.ask(user_id)

    async def _read(self, user_ids: Sequence[UserId]) -> Sequence[EventCursor]:
        rows = await _numbered(self._client, _FIND_HEADS, user_ids)
        return [
            EventCursor(user_id=user_id, position=position or 0, event_id=_event_id(event_id))
            for user_id, (position, event_id) in zip(user_ids, rows, strict=True)
        ]


def _event_id(value: UUID | str | None) -> EventId | None:
    found = uuid_or_none(value)
    return None if found is None else EventId(found)


async def _numbered(
    client: BaseDBAsyncClient, sql: dict[str, str], asked: Sequence[object]
) -> Sequence[Sequence[Any]]:
    """What a query finds for each member of a list, in the list's order, by their numbers."""
    dialect = client.capabilities.dialect
    with reading():
        _, found = await client.execute_query(
            sql[dialect], [orjson.dumps(asked, default=str).decode()]
        )
    rows = [tuple(row) for row in found]
    if dialect == "sqlite":
        ((together,),) = rows
        rows = orjson.loads(together)
    answers: list[Sequence[Any]] = [()] * len(rows)
    for number, *answer in rows:
        answers[number] = answer
    return answers
