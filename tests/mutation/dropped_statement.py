"""The one kind of change that Cosmic Ray does not bring."""

from collections.abc import Iterator

import parso
from parso.tree import NodeOrLeaf, search_ancestor

DROPPED = {
    "atom_expr",
    "break_stmt",
    "continue_stmt",
    "del_stmt",
    "expr_stmt",
    "raise_stmt",
    "return_stmt",
    "yield_expr",
}
SCOPES = ("funcdef", "classdef")


class DropStatement:
    """Leaves out one simple statement of a function: `pass` stands in its place."""

    def mutation_positions(
        self, node: NodeOrLeaf
    ) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
        if node.type == "simple_stmt" and _changes_something(node.children[0]):
            scope = search_ancestor(node, *SCOPES)
            if scope is not None and scope.type == "funcdef":
                yield node.start_pos, node.end_pos

    def mutate(self, node: NodeOrLeaf, _index: int) -> NodeOrLeaf:
        return parso.parse(f"{node.get_first_leaf().prefix}pass\n")


def _changes_something(statement: NodeOrLeaf) -> bool:
    """Without a new name the rest of the function fails in any case: no test is needed for that."""
    if statement.type == "keyword":
        return str(statement.value) in ("break", "continue", "return", "raise")
    if statement.type == "expr_stmt":
        return not _names_something(*statement.children[:2])
    return str(statement.type) in DROPPED


def _names_something(target: NodeOrLeaf, operator: NodeOrLeaf) -> bool:
    return target.type == "name" and (operator.type == "annassign" or str(operator.value) == "=")
