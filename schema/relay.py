"""Relay's server specification: nodes, connections and cursors.

https://relay.dev/graphql/connections.htm
"""

from collections.abc import Callable
from typing import Annotated, Generic, TypeAlias, TypeVar
from uuid import UUID

import strawberry
from strawberry.relay import PageInfo

from domain.ports import Page, PageRequest
from schema.errors import bad_user_input

NodeT = TypeVar("NodeT")
KeyT = TypeVar("KeyT")
ItemT = TypeVar("ItemT")
ValueT = TypeVar("ValueT")

DEFAULT_PAGE = 50
LARGEST_PAGE = 100

First: TypeAlias = Annotated[
    int | None, strawberry.argument(description="Number of items from the start: 1 to 100.")
]
Last: TypeAlias = Annotated[
    int | None, strawberry.argument(description="Number of items from the end: 1 to 100.")
]
After: TypeAlias = Annotated[
    str | None, strawberry.argument(description="Only items after this cursor.")
]
Before: TypeAlias = Annotated[
    str | None, strawberry.argument(description="Only items before this cursor.")
]


@strawberry.interface(description="An object that can be fetched by its id.")
class Node:
    """Relay's global object identification; ids are the UUIDs themselves."""

    id: strawberry.ID = strawberry.field(description="A UUID.")


@strawberry.type(description="An item of a list, with its cursor.")
class Edge(Generic[NodeT]):
    """Relay's edge."""

    node: NodeT = strawberry.field(description="The item.")
    cursor: str = strawberry.field(description="Opaque cursor. Pass it as `after` or `before`.")


@strawberry.type(description="A page of a list.")
class Connection(Generic[NodeT]):
    """Relay's connection."""

    edges: list[Edge[NodeT]] = strawberry.field(description="Items of this page, in order.")
    page_info: PageInfo = strawberry.field(
        description="Whether there are more items, and the cursors to continue from."
    )


def relay_connection(
    page: Page[ItemT], cursor: Callable[[ItemT], str], node: Callable[[ItemT], NodeT | None]
) -> Connection[NodeT]:
    """A page as Relay has it. An item without a node is not shown; its cursor counts."""
    cursors = [cursor(item) for item in page.items]
    return Connection(
        edges=[
            Edge(node=shown, cursor=its_cursor)
            for item, its_cursor in zip(page.items, cursors, strict=True)
            if (shown := node(item)) is not None
        ],
        page_info=PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        ),
    )


def given(value: ValueT | None) -> ValueT | None:
    """None for an argument that was left out."""
    return None if value is strawberry.UNSET else value


def page_request(
    first: int | None, last: int | None, after: KeyT | None, before: KeyT | None
) -> PageRequest[KeyT]:
    """What to read for Relay's arguments; raises `BAD_USER_INPUT`."""
    first, last = given(first), given(last)
    if first is not None and last is not None:
        raise bad_user_input("Pass `first` or `last`, not both.")
    backwards = last is not None
    limit = last if backwards else first
    if limit is None:
        limit = DEFAULT_PAGE
    if not 1 <= limit <= LARGEST_PAGE:
        raise bad_user_input(f"`first` and `last` are 1 to {LARGEST_PAGE}.")
    return PageRequest(limit=limit, after=after, before=before, backwards=backwards)


def parse_id(text: str, name: str) -> UUID:
    """An id as RFC 9562 writes it; `BAD_USER_INPUT` for anything else."""
    try:
        parsed = UUID(text)
    except ValueError:
        raise bad_user_input(f"`{name}` is not a UUID.") from None
    if str(parsed) != text.lower():
        raise bad_user_input(f"`{name}` is not a UUID.")
    return parsed
