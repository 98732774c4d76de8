"""What a query costs, in rows, known before it is run."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from graphql import (
    FieldNode,
    GraphQLSchema,
    IntValueNode,
    OperationDefinitionNode,
    ValueNode,
    VariableNode,
)

from schema.relay import DEFAULT_PAGE, LARGEST_PAGE

LEAST_ROWS = 10
"""Of a root field: each of them reads the database, however small its page is."""

PageSize: TypeAlias = tuple[str | None, int | None]
"""`first` or `last`: the name of a variable, and a literal or the variable's default."""


@dataclass(frozen=True, slots=True)
class QueryCost:
    """`fixed` rows, and a page for each of `pages`, which has the sizes that were asked for."""

    fixed: int
    pages: Sequence[Sequence[PageSize]]

    def rows(self, variables: Mapping[str, Any]) -> int:
        """How many rows the query may read."""
        return self.fixed + sum(_rows(page, variables) for page in self.pages)


def query_cost(
    schema: GraphQLSchema, operation: OperationDefinitionNode, roots: Iterable[FieldNode]
) -> QueryCost:
    """A valid operation's cost: a page of `first` or `last` rows, or `LEAST_ROWS` for a root field
    that has no pages.
    """
    fields = schema.query_type.fields if schema.query_type else {}
    defaults = {
        definition.variable.name.value: _number(definition.default_value)
        for definition in operation.variable_definitions or ()
    }
    fixed, pages = 0, []
    for root in roots:
        field = fields.get(root.name.value)
        if field is not None and "first" in field.args:
            pages.append(tuple(_sizes(root, defaults)))
        elif root.name.value != "__typename":  # which reads nothing
            fixed += LEAST_ROWS
    return QueryCost(fixed, pages)


def _sizes(root: FieldNode, defaults: Mapping[str, int | None]) -> Iterable[PageSize]:
    for argument in root.arguments or ():
        if argument.name.value in {"first", "last"}:
            if isinstance(argument.value, VariableNode):
                name = argument.value.name.value
                yield name, defaults.get(name)
            else:
                yield None, _number(argument.value)


def _number(value: ValueNode | None) -> int | None:
    return int(value.value) if isinstance(value, IntValueNode) else None


def _rows(page: Sequence[PageSize], variables: Mapping[str, Any]) -> int:
    asked = [default if name is None else variables.get(name, default) for name, default in page]
    size = max((int(a) for a in asked if isinstance(a, int | float)), default=DEFAULT_PAGE)
    return min(max(size, LEAST_ROWS), LARGEST_PAGE)
