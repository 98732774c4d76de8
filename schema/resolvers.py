"""Strawberry's resolvers, called directly.

Strawberry finds out at every call which type each argument has. Here that is known beforehand.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING
from typing import Any, TypeAlias, cast

import strawberry
from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLResolveInfo,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

Convert: TypeAlias = Callable[[Any], Any]
"""A coerced input value as resolvers get it: objects of input types instead of dictionaries."""


class DirectResolver:
    """Calls a method of a root type with its arguments."""

    __slots__ = ("_arguments", "_definition", "_method")

    def __init__(self, field: GraphQLField, definition: StrawberryField) -> None:
        if definition.base_resolver is None:
            raise TypeError("the field has no resolver")
        self._definition = definition
        self._method = cast("Callable[..., object]", definition.base_resolver.wrapped_func)
        self._arguments = _named(field.args)

    def __call__(
        self, source: object, info: GraphQLResolveInfo[Any], **arguments: object
    ) -> object:
        """What the method returns: a coroutine when it is asynchronous."""
        known = self._arguments
        given = {known[name][0]: known[name][1](value) for name, value in arguments.items()}
        return self._method(
            source, info=strawberry.Info(_raw_info=info, _field=self._definition), **given
        )


def strawberry_definition(
    node: GraphQLNamedType | GraphQLField | GraphQLArgument | GraphQLInputField,
) -> object:
    """What Strawberry made it from."""
    return node.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)


def _named(
    values: Mapping[str, GraphQLArgument] | Mapping[str, GraphQLInputField],
) -> Mapping[str, tuple[str, Convert]]:
    """Python's names and the conversions, by GraphQL's names."""
    named = {}
    for name, value in values.items():
        definition = strawberry_definition(value)
        if not isinstance(definition, StrawberryArgument | StrawberryField):
            raise TypeError(f"{name} is not Strawberry's")
        named[name] = (definition.python_name, _conversion(value.type))
    return named


def _conversion(type_: GraphQLInputType) -> Convert:
    if isinstance(type_, GraphQLNonNull):
        return _conversion(type_.of_type)
    if isinstance(type_, GraphQLList):
        item = _conversion(type_.of_type)
        return lambda values: None if values is None else [item(value) for value in values]
    if isinstance(type_, GraphQLInputObjectType):
        return _input(type_)
    return _unchanged


def _input(type_: GraphQLInputObjectType) -> Convert:
    definition = strawberry_definition(type_)
    if not isinstance(definition, StrawberryObjectDefinition):
        raise TypeError(f"{type_} is not Strawberry's")
    fields, make = _named(type_.fields), definition.origin
    left_out = {
        field.python_name: None
        for field in definition.fields
        if field.default_value is MISSING and field.default_factory is MISSING
    }

    def convert(value: Mapping[str, object] | None) -> object:
        if value is None:
            return None
        given = {fields[name][0]: fields[name][1](item) for name, item in value.items()}
        return make(**left_out | given)

    return convert


def _unchanged(value: object) -> object:
    return value
