"""Operations of valid documents, and what is known of them before they run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    Visitor,
    get_named_type,
    type_from_ast,
    visit,
)

from schema.execution.plans import Plan, plan_of
from schema.execution.query_cost import QueryCost, query_cost


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One operation of a valid document.

    `root_fields`: the names of those that it may select, with repetitions. `variables`: those that
    it declares. `response_variables`: those that are used below the root fields, so that two runs
    that agree on them agree on the response to the same event. `enum_lists`: the variables that are
    lists of an enum, with the number of its values. Without a `plan`, graphql-core runs it.
    """

    text: str
    document: DocumentNode
    name: str | None
    type: OperationType
    root_fields: tuple[str, ...]
    variables: frozenset[str]
    response_variables: frozenset[str]
    enum_lists: Mapping[str, int]
    cost: QueryCost
    plan: Plan | None


def operations_of(schema: GraphQLSchema, text: str, document: DocumentNode) -> list[Operation]:
    """All operations of a valid document, in its order."""
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    return [
        _describe(schema, _Source(text, document, fragments), node)
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
    ]


@dataclass(frozen=True, slots=True)
class _Source:
    text: str
    document: DocumentNode
    fragments: dict[str, FragmentDefinitionNode]


def _describe(schema: GraphQLSchema, source: _Source, node: OperationDefinitionNode) -> Operation:
    roots = list(_root_fields(node.selection_set, source.fragments))
    below = _Variables(source.fragments)
    for root in roots:
        if root.selection_set:
            visit(root.selection_set, below)
        for directive in root.directives or ():
            visit(directive, below)
    return Operation(
        text=source.text,
        document=source.document,
        name=node.name.value if node.name else None,
        type=node.operation,
        root_fields=tuple(root.name.value for root in roots),
        variables=frozenset(v.variable.name.value for v in node.variable_definitions or ()),
        response_variables=frozenset(below.names),
        enum_lists=dict(_enum_lists(schema, node)),
        cost=query_cost(schema, node, roots),
        plan=plan_of(schema, source.fragments, node),
    )


def _enum_lists(schema: GraphQLSchema, node: OperationDefinitionNode) -> Iterator[tuple[str, int]]:
    for definition in node.variable_definitions or ():
        type_ = type_from_ast(schema, definition.type)
        if isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type
        named = get_named_type(type_)
        if isinstance(type_, GraphQLList) and isinstance(named, GraphQLEnumType):
            yield definition.variable.name.value, len(named.values)


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
