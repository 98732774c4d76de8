"""What a client asks for: a request's parameters, and an operation of a valid document.

https://graphql.github.io/graphql-over-http/draft/#sec-Request-Parameters
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson
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

from schema.errors import Refused, bad_user_input, persisted_query_not_supported

MAX_QUERY_PARAMETERS = 16


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """What to run. Types are checked, the document is not."""

    query: str
    operation_name: str | None = None
    variables: dict[str, Any] | None = None

    @classmethod
    def of(cls, parameters: object) -> "GraphQLRequest":
        """From decoded JSON: a POST's body, or a WebSocket message's payload. Raises `Refused`."""
        if isinstance(parameters, list):
            raise _refused("Batching is off: send one operation per request.")
        if not isinstance(parameters, dict):
            raise _refused("A GraphQL request is a JSON object.")
        query, name = parameters.get("query"), parameters.get("operationName")
        variables, extensions = parameters.get("variables"), parameters.get("extensions")
        if query is None and isinstance(extensions, dict) and "persistedQuery" in extensions:
            raise Refused(persisted_query_not_supported())
        if not isinstance(query, str):
            raise _refused("`query` is not a string.")
        if name is not None and not isinstance(name, str):
            raise _refused("`operationName` is not a string.")
        if variables is not None and not isinstance(variables, dict):
            raise _refused("`variables` is not an object.")
        if extensions is not None and not isinstance(extensions, dict):
            raise _refused("`extensions` is not an object.")
        return cls(query, name or None, variables)

    @classmethod
    def from_json(cls, text: bytes) -> "GraphQLRequest":
        """From a POST's body. Raises `Refused`."""
        return cls.of(_json(text, "The body is not JSON in UTF-8."))

    @classmethod
    def from_query_string(cls, query_string: bytes) -> "GraphQLRequest":
        """From a GET's URL; `variables` and `extensions` are JSON there. Raises `Refused`."""
        try:
            parameters: dict[str, Any] = dict(
                parse_qsl(
                    query_string.decode(), errors="strict", max_num_fields=MAX_QUERY_PARAMETERS
                )
            )
        except ValueError:
            raise _refused("The query string is not form-urlencoded UTF-8.") from None
        for name in ("variables", "extensions"):
            if name in parameters:
                parameters[name] = _json(parameters[name], f"`{name}` is not JSON.")
        return cls.of(parameters)


def _json(text: bytes | str, otherwise: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise _refused(otherwise) from None


def _refused(message: str) -> Refused:
    return Refused(bad_user_input(message))


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One operation of a valid document.

    `root_fields`: the names of those that it may select, with repetitions. `variables`: those that
    it declares. `response_variables`: those that are used below the root fields, so that two runs
    that agree on them agree on the response to the same event.
    """

    text: str
    document: DocumentNode
    name: str | None
    type: OperationType
    root_fields: tuple[str, ...]
    variables: frozenset[str]
    response_variables: frozenset[str]


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
        root_fields=tuple(root.name.value for root in roots),
        variables=frozenset(v.variable.name.value for v in node.variable_definitions or ()),
        response_variables=frozenset(below.names),
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
