"""Keyset paging: a page is read from its key on, never by counting rows."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from domain.ports import Page, Window

KeyT = TypeVar("KeyT")
ItemT = TypeVar("ItemT")


async def read_page(
    rows: QuerySet[Any],
    window: Window[KeyT],
    *,
    columns: Sequence[str],
    order: Sequence[str],
    compare: Callable[[str, KeyT], Q],
    item: Callable[[Sequence[Any]], ItemT],
) -> Page[ItemT]:
    """`compare(op, key)` is true for rows that stand `lt`, `lte`, `gt` or `gte` to a key."""
    found = rows
    if window.after is not None:
        found = found.filter(compare("gt", window.after))
    if window.before is not None:
        found = found.filter(compare("lt", window.before))
    if window.backwards:
        order = [f"-{name}" for name in order]
    # One more than asked for tells whether there are more.
    read = await found.order_by(*order).limit(window.limit + 1).values_list(*columns)
    items = [item(row) for row in read[: window.limit]]
    more = len(read) > window.limit
    if window.backwards:
        items.reverse()
    return Page(
        items=items,
        has_previous=(more and window.backwards)
        or (window.after is not None and await rows.filter(compare("lte", window.after)).exists()),
        has_next=(more and not window.backwards)
        or (
            window.before is not None and await rows.filter(compare("gte", window.before)).exists()
        ),
    )
