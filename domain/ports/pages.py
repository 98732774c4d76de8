"""Lists that are read page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from domain.identifiers import ConnectionId, UserId
from domain.provider_connection import ConnectionStatus, ProviderConnection

KeyT = TypeVar("KeyT")
ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest(Generic[KeyT]):
    """A page to read: up to `limit` items strictly between `after` and `before`.

    The first ones, or the last ones when `backwards`; in ascending order either way.
    """

    limit: int
    after: KeyT | None = None
    before: KeyT | None = None
    backwards: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[ItemT]):
    """Items in ascending order, and whether the list goes on at either end (Relay's `PageInfo`)."""

    items: Sequence[ItemT]
    has_previous: bool
    has_next: bool


@dataclass(frozen=True, slots=True, order=True)
class ConnectionKey:
    """A place in a user's list of connections, which is in order of creation."""

    created_at: datetime
    id: ConnectionId


class ConnectionList(Protocol):
    """One user's connections, page by page."""

    async def page(
        self,
        user_id: UserId,
        request: PageRequest[ConnectionKey],
        statuses: frozenset[ConnectionStatus] | None = None,
    ) -> Page[ProviderConnection]:
        """In order of creation; only those in `statuses` when given. Raises `StorageError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFilter:
    """Which connections of all users; None leaves a property open."""

    user_id: UserId | None = None
    provider_slug: str | None = None
    statuses: frozenset[ConnectionStatus] | None = None
    connected_before: datetime | None = None
    """By `connected_at`, or `created_at` when it is not known."""
    ids: frozenset[ConnectionId] | None = None


class ConnectionRecords(Protocol):
    """All users' connections, page by page, as back ends see them."""

    async def records(
        self, wanted: ConnectionFilter, request: PageRequest[ConnectionKey]
    ) -> Page[ProviderConnection]:
        """In order of creation. Raises `StorageError`."""
