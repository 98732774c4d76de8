"""Input values, coerced as graphql-core does it, by functions that are made once for each type."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from graphql import (
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLLeafType,
    GraphQLNonNull,
    Undefined,
    coerce_input_value,
    is_leaf_type,
    is_required_input_field,
)

Coerce: TypeAlias = Callable[[Any], Any]
"""`Undefined` for a value that does not fit: graphql-core is to say what is wrong with it."""


def coercion(type_: GraphQLInputType) -> Coerce:
    """What `coerce_input_value` does for this type."""
    if isinstance(type_, GraphQLNonNull):
        return _required(coercion(type_.of_type))
    if is_leaf_type(type_):
        return _leaf(type_)
    if isinstance(type_, GraphQLInputObjectType) and not _is_special(type_):
        return _object(type_)
    return partial(coerce_input_value, type_=type_)


def _required(inner: Coerce) -> Coerce:
    return lambda value: Undefined if value is None else inner(value)


def _leaf(type_: GraphQLLeafType) -> Coerce:
    coerce_leaf = type_.coerce_input_value

    def coerce(value: Any) -> Any:  # noqa: ANN401 (as graphql-core has it)
        try:
            return None if value is None else coerce_leaf(value)
        except Exception:  # noqa: BLE001 (as graphql-core does)
            return Undefined

    return coerce


def _is_special(type_: GraphQLInputObjectType) -> bool:
    return type_.is_one_of or any(field.default is not None for field in type_.fields.values())


def _object(type_: GraphQLInputObjectType) -> Coerce:
    names = type_.fields.keys()
    fields = [
        (name, field.out_name or name, is_required_input_field(field), coercion(field.type))
        for name, field in type_.fields.items()
    ]
    out_type = type_.out_type

    def coerce(value: object) -> object:
        if value is None:
            return None
        if not isinstance(value, dict) or not value.keys() <= names:
            return Undefined
        coerced = {}
        for name, out_name, required, coerce_field in fields:
            if name in value:
                item = coerce_field(value[name])
                if item is Undefined:
                    return Undefined
                coerced[out_name] = item
            elif required:
                return Undefined
        return out_type(coerced)

    return coerce
