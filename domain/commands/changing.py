"""Changing a connection on a condition: what the commands of back ends have in common."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias, TypeVar

from domain.commands.errors import (
    ConnectionDisconnected,
    ConnectionNotFound,
    DatabaseError,
    LateCredentials,
)
from domain.events import ProviderEvent, ProviderRef, ProviderTokenRevocationAttempted
from domain.identifiers import AttemptId, ConnectionId, EventId
from domain.ports import ConcurrentUpdate, NewId, Now, ProviderConnectionRepository, StorageError
from domain.provider_connection import ProviderConnection, ProviderCredentials
from domain.result import Failure, Result, Success

SAVE_TRIES = 20
"""A connection that many workers change at once is lost to them a few times in a row."""

ErrorT = TypeVar("ErrorT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A connection as it is to be saved, and its event, if there is one."""

    connection: ProviderConnection
    event: ProviderEvent | None = None


Decide: TypeAlias = Callable[[ProviderConnection], Change | Failure[ErrorT]]
"""Judges a connection as it was read: what to change, or why not."""


async def change_connection(
    connections: ProviderConnectionRepository,
    connection_id: ConnectionId,
    decide: Decide[ErrorT],
) -> Result[ProviderConnection, ErrorT | ConnectionNotFound | DatabaseError]:
    """Reads, decides and saves. A connection that has changed meanwhile is read again."""
    try:
        for _ in range(SAVE_TRIES):
            connection = await connections.find_by_id(connection_id)
            if connection is None:
                return Failure(error=ConnectionNotFound())
            decided = decide(connection)
            if isinstance(decided, Failure):
                return Failure(error=decided.error)
            try:
                await _save(connections, decided)
            except ConcurrentUpdate:
                continue
            return Success(value=decided.connection)
    except StorageError:
        pass
    return Failure(error=DatabaseError())


async def revoke_late(
    connections: ProviderConnectionRepository,
    connection: ProviderConnection,
    credentials: ProviderCredentials,
    *,
    now: Now,
    new_id: NewId,
) -> ConnectionDisconnected:
    """Credentials for a disconnected connection are never stored as such, but ended.

    Raises `StorageError`.
    """
    attempted = revocation_of(connection, now(), new_id)
    revoking = await connections.revoke_late(credentials, attempted)
    return ConnectionDisconnected(
        LateCredentials.REVOKING if revoking else LateCredentials.DESTROYED
    )


def revocation_of(
    connection: ProviderConnection, now: datetime, new_id: NewId
) -> ProviderTokenRevocationAttempted:
    """The beginning of a revocation: an attempt of its own."""
    return ProviderTokenRevocationAttempted(
        id=EventId(new_id()),
        occurred_at=now,
        user_id=connection.user_id,
        connection_id=connection.id,
        attempt_id=AttemptId(new_id()),
        provider=provider_of(connection),
    )


def provider_of(connection: ProviderConnection) -> ProviderRef:
    """The provider, as events name it."""
    return ProviderRef(id=connection.provider_id, slug=connection.provider_slug)


async def _save(connections: ProviderConnectionRepository, change: Change) -> None:
    if change.event is None:
        await connections.update(change.connection)
    else:
        await connections.save(change.connection, change.event)
