"""Credentials come as variables: documents are cached, so none may hold a credential."""

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

INPUTS = frozenset(
    {"userId", "provider", "id", "slug", "alias", "providerAccountId", "connectionId"}
    | {"attemptId", "credentialsVersion", "status", "at", "note"}
)
"""Members of inputs that may be written as literals. Anything else may be a misspelt credential."""


def refuse_credentials(document: DocumentNode) -> None:
    """Raises `Refused` when a document holds credentials, or what may be meant as some."""
    visit(document, _Literals())


class _Literals(Visitor):
    def enter_argument(self, node: ArgumentNode, *_: Any) -> None:  # noqa: ANN401 (graphql-core's)
        if node.name.value == "input" and not isinstance(node.value, VariableNode):
            _check(node.value)

    def enter_variable_definition(self, node: VariableDefinitionNode, *_: Any) -> None:  # noqa: ANN401
        if isinstance(node.default_value, ObjectValueNode | ListValueNode):
            raise _refused()


def _check(value: ValueNode) -> None:
    if not isinstance(value, ObjectValueNode):
        raise _refused()
    for member in value.fields:
        _check_member(member)


def _check_member(member: ObjectFieldNode) -> None:
    match member.value:
        case VariableNode():
            return
        case ObjectValueNode():
            _check(member.value)
        case ListValueNode():
            raise _refused()
        case _ if member.name.value not in INPUTS:
            raise _refused()


def _refused() -> Refused:
    message = "Pass `credentials` in variables: a document must not hold them, nor their defaults."
    return Refused(bad_user_input(message))
