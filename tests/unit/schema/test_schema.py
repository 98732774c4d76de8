"""The committed SDL is the schema, and every element of it is described."""

from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
)

from schema.build import build_schema

COMMITTED = Path(__file__).parents[3] / "schema" / "schema.graphql"


def test_the_committed_sdl_is_the_schema() -> None:
    assert COMMITTED.read_text() == build_schema().as_str() + "\n"


def test_every_element_has_a_description() -> None:
    silent = []
    for name, type_ in build_schema().executable.type_map.items():
        if name.startswith("__"):
            continue
        silent += [] if type_.description else [name]
        if isinstance(type_, GraphQLEnumType):
            silent += [
                f"{name}.{key}" for key, value in type_.values.items() if not value.description
            ]
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            for key, field in type_.fields.items():
                silent += [] if field.description else [f"{name}.{key}"]
                silent += [
                    f"{name}.{key}({a})" for a, arg in field.args.items() if not arg.description
                ]
        if isinstance(type_, GraphQLInputObjectType):
            silent += [
                f"{name}.{key}" for key, field in type_.fields.items() if not field.description
            ]
    assert silent == []
