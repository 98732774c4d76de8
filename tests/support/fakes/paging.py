"""Pages of lists."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from domain.ports import (
    Page,
    PageRequest,
)

ItemT = TypeVar("ItemT")


def page_of(
    items: Sequence[ItemT], key: Callable[[ItemT], Any], request: PageRequest[Any]
) -> Page[ItemT]:
    start = 0 if request.after is None else sum(key(item) <= request.after for item in items)
    end = (
        len(items) if request.before is None else sum(key(item) < request.before for item in items)
    )
    end = max(start, end)
    if request.backwards:
        start = max(start, end - request.limit)
    else:
        end = min(end, start + request.limit)
    return Page(items=items[start:end], has_previous=start > 0, has_next=end < len(items))
