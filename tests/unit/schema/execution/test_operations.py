"""What is known of an operation before it runs."""

from graphql import build_schema, parse

from schema.execution.operations import operations_of

SCHEMA = build_schema("""
    enum Color { RED GREEN }
    type Node { color(like: Color): Color, next: Node }
    type Query { find(one: Color, many: [Color!], numbers: [Int]): Int, node(of: Color): Node }
""")


def test_lists_of_enum_values_are_told_from_other_variables() -> None:
    text = """query ($one: Color, $many: [Color!]!, $numbers: [Int]) {
        find(one: $one, many: $many, numbers: $numbers)
    }"""
    (operation,) = operations_of(SCHEMA, text, parse(text))
    assert operation.enum_lists == {"many": 2}


def test_variables_below_the_root_fields_are_found_in_fragments_of_fragments() -> None:
    text = """query ($root: Color, $one: Color, $two: Color) { node(of: $root) { ...One } }
        fragment One on Node { color(like: $one) ...Two }
        fragment Two on Node { next { color(like: $two) } }
    """
    (operation,) = operations_of(SCHEMA, text, parse(text))
    assert operation.response_variables == {"one", "two"}
