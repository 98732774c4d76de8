"""Documents made at random from a schema: all shapes that a client may select a value in."""

from random import Random

from graphql import (
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_abstract_type,
    is_composite_type,
)

DEEPEST = 6


class DocumentMaker:
    """Valid documents mostly: the same response name may stand for two fields."""

    def __init__(self, schema: GraphQLSchema, seed: int) -> None:
        self._schema = schema
        self._random = Random(seed)  # noqa: S311 (no secret)
        self._fragments: list[str] = []

    def document(self, kind: str, root_field: str) -> str:
        """One operation with this root field, maybe twice, and its fragments."""
        self._fragments = []
        head = root_field.split("(", maxsplit=1)[0]
        root = self._schema.mutation_type if kind == "mutation" else self._schema.query_type
        assert root is not None
        type_ = get_named_type(root.fields[head].type)
        times = 2 if self._random.random() < 0.2 else 1
        field = " ".join(f"{root_field} {self._selection(type_, 0)}" for _ in range(times))
        text = "\n".join([f"{{ {field} }}", *self._fragments])
        declared = {"$id": "ID!", "$yes": "Boolean! = true"}
        used = " ".join(f"{name}: {type_}" for name, type_ in declared.items() if name in text)
        return f"{kind} ({used}) {text}" if used else f"{kind} {text}"

    def _selection(self, type_: GraphQLNamedType, depth: int) -> str:
        if not is_composite_type(type_):
            return ""
        parts = [self._part(type_, depth) for _ in range(self._random.randint(1, 4))]
        return "{ " + " ".join(parts) + " }"

    def _part(self, type_: GraphQLNamedType, depth: int) -> str:
        choice = self._random.random()
        if choice < 0.15 or isinstance(type_, GraphQLUnionType):
            if choice < 0.1:
                return "__typename"
            return self._narrowed(type_, depth)
        if choice < 0.3:
            return self._narrowed(type_, depth)
        assert isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
        name, field = self._random.choice(list(type_.fields.items()))
        inner = get_named_type(field.type)
        alias = f"{self._random.choice('abc')}_{name}: " if self._random.random() < 0.2 else ""
        directive = " @include(if: $yes)" if self._random.random() < 0.02 else ""
        if depth >= DEEPEST and is_composite_type(inner):
            return "__typename"
        return f"{alias}{name}{directive} {self._selection(inner, depth + 1)}"

    def _narrowed(self, type_: GraphQLNamedType, depth: int) -> str:
        """An inline or named fragment on the type or on one that may be it."""
        others = [type_]
        if is_abstract_type(type_):
            others += self._schema.get_possible_types(type_)
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            others += type_.interfaces
        other = self._random.choice(others)
        if depth >= DEEPEST:
            return "__typename"
        selection = self._selection(other, depth + 1)
        if self._random.random() < 0.5:
            return f"... on {other.name} {selection}"
        name = f"F{len(self._fragments)}"
        self._fragments.append(f"fragment {name} on {other.name} {selection}")
        return f"...{name} ...{name}"
