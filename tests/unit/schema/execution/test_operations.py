"""What is known of an operation before it runs."""

from graphql import build_schema, parse

from schema.execution.operations import operations_of

SCHEMA = build_schema("""
    enum Color { RED GREEN }
    type Query { find(one: Color, many: [Color!], numbers: [Int]): Int }
""")


def test_lists_of_enum_values_are_told_from_other_variables() -> None:
    text = """query ($one: Color, $many: [Color!]!, $numbers: [Int]) {
        find(one: $one, many: $many, numbers: $numbers)
    }"""
    (operation,) = operations_of(SCHEMA, text, parse(text))
    assert operation.enum_lists == {"many": 2}
