"""Resolvers that are called directly get the arguments that Strawberry gives them."""

from enum import Enum
from typing import Any

import pytest
import strawberry

from schema.build import UnplugSchema


@strawberry.enum
class Colour(Enum):
    """Values that differ from their names."""

    RED = "r"
    BLUE = "b"


@strawberry.input
class Inner:
    """Nullable, with and without defaults."""

    some_name: str
    colour: Colour | None = strawberry.UNSET
    note: str | None = None
    amount: int | None
    size: int = 3


@strawberry.input
class Outer:
    """Inputs in inputs."""

    inner: Inner
    more: list[Inner] | None = None
    colours: list[Colour | None] = strawberry.field(default_factory=list)


@strawberry.type
class Query:
    """Every field shows what it was called with."""

    @strawberry.field
    def echo(
        self,
        info: strawberry.Info,
        one: Outer,
        two: Inner | None = strawberry.UNSET,
        ids: list[strawberry.ID] | None = None,
        by: Colour = Colour.BLUE,
    ) -> str:
        return f"{info.field_name} {one!r} {two!r} {ids!r} {by!r}"

    @strawberry.field
    async def waited_for(self, info: strawberry.Info, number_of: int = 1) -> str:
        return f"{info.field_name} {number_of!r} {info.context!r}"


PLAIN, DIRECT = strawberry.Schema(Query), UnplugSchema(query=Query)
INNER: dict[str, Any] = {"someName": "a"}


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ('{ echo(one: {inner: {someName: "a"}}) }', {}),
        ('{ echo(one: {inner: {someName: "a", colour: RED, size: 4, amount: null}}) }', {}),
        ('{ echo(one: {inner: {someName: "a"}}, two: null, ids: null) }', {}),
        ('{ echo(one: {inner: {someName: "a"}}, ids: "single", by: RED) }', {}),
        ("query($one: Outer!) { echo(one: $one) }", {"one": {"inner": INNER}}),
        (
            "query($one: Outer!) { echo(one: $one) }",
            {"one": {"inner": INNER, "more": [INNER, INNER], "colours": ["RED", None]}},
        ),
        ("query($one: Outer!) { echo(one: $one) }", {"one": {"inner": INNER, "more": None}}),
        (
            "query($a: Outer!, $b: Inner, $ids: [ID!]) { echo(one: $a, two: $b, ids: $ids) }",
            {"a": {"inner": INNER}, "b": INNER, "ids": ["1", "2"]},
        ),
        (
            "query($one: Outer!, $two: Inner) { echo(one: $one, two: $two) }",
            {"one": {"inner": INNER}},
        ),
        ("{ waitedFor }", {}),
        ("{ waitedFor(numberOf: 3) }", {}),
    ],
)
async def test_arguments(text: str, variables: dict[str, Any]) -> None:
    plain = await PLAIN.execute(text, variables, context_value="context")
    direct = await DIRECT.execute(text, variables, context_value="context")
    assert plain.errors is None
    assert direct.data == plain.data
