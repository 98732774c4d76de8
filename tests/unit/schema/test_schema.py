"""The committed SDL is the schema, and every element of it is described."""

from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLID,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLScalarType,
    is_specified_scalar_type,
)

from schema.build import build_schema

COMMITTED = Path(__file__).parents[3] / "schema" / "schema.graphql"


def test_the_committed_sdl_is_the_schema() -> None:
    assert COMMITTED.read_text() == build_schema().as_str() + "\n"


def test_a_field_name_has_one_type_so_that_clients_need_no_aliases() -> None:
    types = [
        type_.fields["attemptId"].type
        for type_ in build_schema().executable.type_map.values()
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
        and "attemptId" in type_.fields
    ]
    assert len(types) > 7
    assert set(types) == {GraphQLID}


def test_every_scalar_of_our_own_says_what_specifies_it() -> None:
    own = [
        type_
        for type_ in build_schema().executable.type_map.values()
        if isinstance(type_, GraphQLScalarType) and not is_specified_scalar_type(type_)
    ]
    assert [scalar.name for scalar in own] == ["DateTime"]
    assert all(scalar.specified_by_url for scalar in own)


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
