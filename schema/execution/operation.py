"""One operation of a document, and what is known of it before it runs."""

from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    Visitor,
    visit,
)


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One operation of a valid document.

    `root_fields`: how many it has at most. `wants_snapshot`: it may select `eventCursor` at its
    root. `payload_variables`: the variables that are used below the root fields, so that two runs
    that agree on them agree on the response to the same event.
    """

    text: str
    document: DocumentNode
    name: str | None
    type: OperationType
    root_fields: int
    wants_snapshot: bool
    payload_variables: frozenset[str]


def operations_of(text: str, document: DocumentNode) -> list[Operation]:
    """All operations of a valid document, in its order."""
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    return [
        _describe(text, document, node, fragments)
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
    ]


def _describe(
    text: str,
    document: DocumentNode,
    node: OperationDefinitionNode,
    fragments: dict[str, FragmentDefinitionNode],
) -> Operation:
    roots = list(_root_fields(node.selection_set, fragments))
    below = _Variables(fragments)
    for root in roots:
        if root.selection_set:
            visit(root.selection_set, below)
        for directive in root.directives or ():
            visit(directive, below)
    return Operation(
        text=text,
        document=document,
        name=node.name.value if node.name else None,
        type=node.operation,
        root_fields=len(roots),
        wants_snapshot=any(root.name.value == "eventCursor" for root in roots),
        payload_variables=frozenset(below.names),
    )


def _root_fields(
    selection_set: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode]
) -> list[FieldNode]:
    found: list[FieldNode] = []
    for selection in selection_set.selections:
        if isinstance(selection, FieldNode):
            found.append(selection)
        elif isinstance(selection, FragmentSpreadNode):
            found += _root_fields(fragments[selection.name.value].selection_set, fragments)
        else:
            found += _root_fields(selection.selection_set, fragments)  # type: ignore[attr-defined] # inline fragment
    return found


class _Variables(Visitor):
    def __init__(self, fragments: dict[str, FragmentDefinitionNode]) -> None:
        super().__init__()
        self.names: set[str] = set()
        self._fragments = fragments
        self._seen: set[str] = set()

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        self.names.add(node.name.value)

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: object) -> None:
        name = node.name.value
        if name not in self._seen:
            self._seen.add(name)
            visit(self._fragments[name], self)
