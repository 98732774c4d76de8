"""Credentials come as variables: documents are cached, so none may hold a credential."""

from collections.abc import Mapping
from typing import Any

from graphql import (
    ArgumentNode,
    DocumentNode,
    ListValueNode,
    ObjectFieldNode,
    ObjectValueNode,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    visit,
)

from schema.errors import Refused, bad_user_input

LITERALS: Mapping[str, frozenset[str]] = {
    "input": frozenset(
        {"userId", "alias", "providerAccountId", "connectionId", "attemptId"}
        | {"credentialsVersion", "status", "at", "note"}
    ),
    "provider": frozenset({"id", "slug"}),
}
"""Members of the input, and of the provider in it, that may be literals.

Anything else may be a misspelt credential.
"""


def refuse_credentials(document: DocumentNode) -> None:
    """Raises `Refused` when a document holds credentials, or what may be meant as some."""
    literals = _Literals()
    visit(document, literals)
    if literals.defaults & literals.secret:
        raise _refused()


class _Literals(Visitor):
    """`defaults`: variables that have a default. `secret`: those that a credential may be in."""

    def __init__(self) -> None:
        super().__init__()
        self.defaults: set[str] = set()
        self.secret: set[str] = set()

    def enter_argument(self, node: ArgumentNode, *_: Any) -> None:  # noqa: ANN401 (graphql-core's)
        if node.name.value == "input" and not isinstance(node.value, VariableNode):
            self._check(node.value, "input")

    def enter_variable_definition(self, node: VariableDefinitionNode, *_: Any) -> None:  # noqa: ANN401
        if isinstance(node.default_value, ObjectValueNode | ListValueNode):
            raise _refused()
        if node.default_value is not None:
            self.defaults.add(node.variable.name.value)

    def _check(self, value: ValueNode, name: str) -> None:
        if not isinstance(value, ObjectValueNode):
            raise _refused()
        allowed = LITERALS.get(name, frozenset())
        for member in value.fields:
            below = member.name.value if name == "input" else ""
            self._check_member(member, below, may_be_literal=member.name.value in allowed)

    def _check_member(self, member: ObjectFieldNode, name: str, *, may_be_literal: bool) -> None:
        match member.value:
            case VariableNode(name=variable):
                if not may_be_literal:
                    self.secret.add(variable.value)
            case ObjectValueNode() if not may_be_literal:
                self._check(member.value, name)
            case ObjectValueNode() | ListValueNode():
                raise _refused()
            case _ if not may_be_literal:
                raise _refused()


def _refused() -> Refused:
    message = "Pass `credentials` in variables: a document must not hold them, nor their defaults."
    return Refused(bad_user_input(message))
