"""Responses read from attributes, for selections that are known beforehand.

Only what is as the schema says is completed here. Anything else raises, so that graphql-core
completes it, with the errors that belong to it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CoroutineType
from typing import Any, TypeAlias, cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLAbstractType,
    GraphQLID,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLString,
    InlineFragmentNode,
    SelectionSetNode,
    Undefined,
    is_abstract_type,
    is_leaf_type,
    is_object_type,
)

VALUES = "unplug-values"
"""Key of an object type's extensions: the Python class of its values."""

FAILURE = "unplug-failure"
"""Key of an object type's extensions: the code of the expected failure that it is."""

Complete: TypeAlias = Callable[[Any, list[str]], Any]
"""The response for a value; codes of expected failures in it are appended to the list."""

Fragments: TypeAlias = Mapping[str, FragmentDefinitionNode]


class Unplanned(Exception):
    """A document or a value that is left to graphql-core."""


class ReadAttribute:
    """The resolver of a field that is an attribute of its source."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, source: object, _info: GraphQLResolveInfo[Any]) -> object:
        return getattr(source, self.name)


class Selections:
    """Completes the values of one document, which has no directives."""

    def __init__(self, schema: GraphQLSchema, fragments: Fragments) -> None:
        self._schema = schema
        self._fragments = fragments

    def completed(self, type_: GraphQLOutputType, nodes: Sequence[FieldNode]) -> Complete:
        """For a field of this type. Raises `Unplanned`."""
        if isinstance(type_, GraphQLNonNull):
            return self._nullable(type_.of_type, nodes)  # none of these completes None
        complete = self._nullable(type_, nodes)
        return lambda value, failures: None if value is None else complete(value, failures)

    def fields(
        self, type_: GraphQLObjectType, sets: Sequence[SelectionSetNode]
    ) -> dict[str, list[FieldNode]]:
        """What is selected of a type: nodes by response name, in the order of the response."""
        found: dict[str, list[FieldNode]] = {}
        seen: set[str] = set()
        for selection_set in sets:
            for node in self._collected(type_, selection_set, seen):
                name = (node.alias or node.name).value
                found.setdefault(name, []).append(node)
        return found

    def _collected(
        self, type_: GraphQLObjectType, selection_set: SelectionSetNode, seen: set[str]
    ) -> Iterator[FieldNode]:
        for selection in selection_set.selections:
            if selection.directives:
                raise Unplanned
            match selection:
                case FieldNode():
                    yield selection
                case InlineFragmentNode(type_condition=condition):
                    if condition is None or self._applies(condition.name.value, type_):
                        yield from self._collected(type_, selection.selection_set, seen)
                case FragmentSpreadNode():
                    fragment = self._fragments[selection.name.value]
                    if selection.name.value in seen:
                        continue
                    if self._applies(fragment.type_condition.name.value, type_):
                        seen.add(selection.name.value)
                        yield from self._collected(type_, fragment.selection_set, seen)

    def _applies(self, condition: str, type_: GraphQLObjectType) -> bool:
        named = self._schema.get_type(condition)
        return named is type_ or (
            is_abstract_type(named) and self._schema.is_sub_type(named, type_)
        )

    def _nullable(self, type_: GraphQLOutputType, nodes: Sequence[FieldNode]) -> Complete:
        if isinstance(type_, GraphQLList):
            return _each(self.completed(type_.of_type, nodes))
        if is_leaf_type(type_):
            return _leaf(type_)
        if is_object_type(type_):
            return self._object(type_, nodes)
        members = {
            _class_of(member): (self._object(member, nodes), member.extensions.get(FAILURE))
            for member in self._schema.get_possible_types(cast("GraphQLAbstractType", type_))
        }
        return _member(members)

    def _object(self, type_: GraphQLObjectType, nodes: Sequence[FieldNode]) -> Complete:
        sets = [node.selection_set for node in nodes if node.selection_set]
        selected = self.fields(type_, sets).items()
        return _attributes(_class_of(type_), [self._field(type_, *each) for each in selected])

    def _field(
        self, parent: GraphQLObjectType, response_name: str, nodes: Sequence[FieldNode]
    ) -> tuple[str, str, Complete]:
        name = nodes[0].name.value
        if name == "__typename":
            return response_name, "__class__", lambda _value, _failures: parent.name
        field = parent.fields.get(name)
        if field is None or not isinstance(field.resolve, ReadAttribute):
            raise Unplanned
        return response_name, field.resolve.name, self.completed(field.type, nodes)


def _class_of(type_: GraphQLObjectType) -> type:
    values = type_.extensions.get(VALUES)
    if values is None:
        raise Unplanned
    found: type = values
    return found


def _leaf(type_: GraphQLLeafType) -> Complete:
    is_text = type_ in (GraphQLString, GraphQLID)
    coerce = type_.coerce_output_value

    def completed(value: Any, _: list[str]) -> Any:  # noqa: ANN401
        if is_text and value.__class__ is str:
            return value
        if isinstance(value, Exception | CoroutineType):
            raise Unplanned
        coerced = coerce(value)
        if coerced is None or coerced is Undefined:
            raise Unplanned
        return coerced

    return completed


def _each(complete: Complete) -> Complete:
    def completed(values: Any, failures: list[str]) -> list[Any]:  # noqa: ANN401
        if not isinstance(values, list | tuple):
            raise Unplanned
        return [complete(value, failures) for value in values]

    return completed


def _attributes(values: type, fields: Sequence[tuple[str, str, Complete]]) -> Complete:
    def completed(value: Any, failures: list[str]) -> dict[str, Any]:  # noqa: ANN401
        if value.__class__ is not values:  # an exception or a coroutine, for example
            raise Unplanned
        return {
            response_name: complete(getattr(value, attribute), failures)
            for response_name, attribute, complete in fields
        }

    return completed


def _member(members: Mapping[type, tuple[Complete, str | None]]) -> Complete:
    def completed(value: Any, failures: list[str]) -> Any:  # noqa: ANN401
        complete, failure = members[value.__class__]
        if failure is not None:
            failures.append(failure)
        return complete(value, failures)

    return completed
