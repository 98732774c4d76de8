from typing import cast

import graphql
import pytest
from graphql import (
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLSchema,
    Undefined,
    coerce_input_value,
    get_named_type,
    type_from_ast,
)
from graphql.language import parse_type
from hypothesis import given
from hypothesis import strategies as st

from schema.build import build_schema, build_service_schema
from schema.coercion import coercion

SCHEMA = graphql.build_schema("""
    enum Way { IN OUT }
    scalar Anything
    input Inner { id: ID!, number: Int, way: Way }
    input Outer { inner: Inner!, more: [Inner!], data: Anything, text: String, rate: Float }
    input WithDefault { number: Int = 5 }
    input Either @oneOf { one: Int, other: String }
    type Query { it(outer: Outer, withDefault: WithDefault, either: Either): Int }
""")
TYPES = ("Outer", "Outer!", "Inner!", "[Inner]", "[Int!]!", "Way", "WithDefault", "Either!")
LEAVES = (
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats() | st.text(max_size=3)
)
NAMES = st.sampled_from(
    ["id", "number", "way", "inner", "more", "data", "text", "rate", "one", "other", "stranger"]
)
VALUES = st.recursive(
    LEAVES | st.sampled_from(["IN", "OUT"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
)
INNER = st.fixed_dictionaries(
    {"id": st.text() | LEAVES},
    optional={"number": LEAVES, "way": st.sampled_from(["IN", "OUT", "UP"]), "stranger": LEAVES},
)
OUTER = st.fixed_dictionaries(
    {"inner": INNER | LEAVES},
    optional={"more": st.lists(INNER, max_size=2) | INNER, "data": VALUES, "text": LEAVES},
)


def type_of(text: str) -> GraphQLInputType:
    return cast("GraphQLInputType", type_from_ast(SCHEMA, parse_type(text)))


@pytest.mark.parametrize("text", TYPES)
@given(value=VALUES | INNER | OUTER)
def test_it_is_graphql_cores(text: str, value: object) -> None:
    expected = coerce_input_value(value, type_of(text))
    assert repr(coercion(type_of(text))(value)) == repr(expected)


def test_what_is_left_out_stays_out() -> None:
    coerce = coercion(type_of("Outer!"))
    assert coerce({"inner": {"id": 1}}) == {"inner": {"id": "1"}}
    assert coerce({"inner": {"id": 1}, "text": None}) == {"inner": {"id": "1"}, "text": None}
    assert coerce({"inner": {}}) is Undefined
    assert coerce(None) is Undefined


@pytest.mark.parametrize("schema", [build_schema()._schema, build_service_schema()._schema])
def test_no_input_type_contains_itself(schema: GraphQLSchema) -> None:
    def check(type_: object, above: tuple[object, ...] = ()) -> None:
        assert type_ not in above
        if isinstance(type_, GraphQLInputObjectType):
            for field in type_.fields.values():
                check(get_named_type(field.type), (*above, type_))

    for type_ in schema.type_map.values():
        check(type_)
