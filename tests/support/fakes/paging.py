"""Pages of lists."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from domain.ports import (
    Page,
    Window,
)

ItemT = TypeVar("ItemT")


def page_of(
    items: Sequence[ItemT], key: Callable[[ItemT], Any], window: Window[Any]
) -> Page[ItemT]:
    start = 0 if window.after is None else sum(key(item) <= window.after for item in items)
    end = len(items) if window.before is None else sum(key(item) < window.before for item in items)
    end = max(start, end)
    if window.backwards:
        start = max(start, end - window.limit)
    else:
        end = min(end, start + window.limit)
    return Page(items=items[start:end], has_previous=start > 0, has_next=end < len(items))
