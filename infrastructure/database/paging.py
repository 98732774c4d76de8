"""Keyset paging: a page is read from its key on, never by counting rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from domain.ports import Page, PageRequest

KeyT = TypeVar("KeyT")
ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[KeyT, ItemT]):
    """The order of rows, and what becomes of one.

    `compare(op, key)` is true for rows that stand `lt`, `lte`, `gt` or `gte` to a key.
    """

    columns: Sequence[str]
    order: Sequence[str]
    compare: Callable[[str, KeyT], Q]
    item: Callable[[Sequence[Any]], ItemT]


async def read_page(
    rows: QuerySet[Any], request: PageRequest[KeyT], listing: Listing[KeyT, ItemT]
) -> Page[ItemT]:
    """The page, and whether there are items in front of it and behind it."""
    found, compare = rows, listing.compare
    if request.after is not None:
        found = found.filter(compare("gt", request.after))
    if request.before is not None:
        found = found.filter(compare("lt", request.before))
    order = [f"-{name}" if request.backwards else name for name in listing.order]
    # One more than asked for tells whether there are more.
    read = await found.order_by(*order).limit(request.limit + 1).values_list(*listing.columns)
    items = [listing.item(row) for row in read[: request.limit]]
    more = len(read) > request.limit
    if request.backwards:
        items.reverse()
    return Page(
        items=items,
        has_previous=(more and request.backwards)
        or (
            request.after is not None and await rows.filter(compare("lte", request.after)).exists()
        ),
        has_next=(more and not request.backwards)
        or (
            request.before is not None
            and await rows.filter(compare("gte", request.before)).exists()
        ),
    )
