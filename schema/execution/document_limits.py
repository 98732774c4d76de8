"""How much a request may ask for, each limit with its own name."""

from collections.abc import Iterable
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLError,
    InlineFragmentNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationContext,
    ValidationRule,
    get_named_type,
)

from schema.errors import Limit, too_complex

LONG_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentLimits:
    """What a document may hold, fragments spread out. `length` is in characters.

    `aliases` counts fields that are selected under another name or more than once in a selection;
    an alias counts once more for every `LONG_NAME` characters.
    Introspection has its own depth rule in graphql-core and doesn't count for `depth`.
    """

    length: int = 50_000
    tokens: int = 1_000
    depth: int = 10
    aliases: int = 30
    root_fields: int = 20
    directives: int = 50


def limit_rule(limits: DocumentLimits) -> type[ValidationRule]:
    """A validation rule for these limits. Make it once: caches are keyed by the rule's class."""

    class WithinLimits(ValidationRule):
        def enter_document(self, document: DocumentNode, *_: object) -> None:
            measures = _Measures(self.context)
            for node in document.definitions:
                if isinstance(node, OperationDefinitionNode):
                    for error in _violations(measures.operation(node), limits):
                        self.report_error(error)

        def enter_list_value(self, node: ListValueNode, *_: object) -> None:
            item = get_named_type(self.context.get_input_type())
            if isinstance(item, GraphQLEnumType) and len(node.values) > len(item.values):
                self.report_error(too_complex(Limit.LIST_ITEMS, len(item.values)))

    return WithinLimits


@dataclass(frozen=True, slots=True)
class _Size:
    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0

    @classmethod
    def sum(cls, parts: Iterable["_Size"]) -> "_Size":
        sizes = list(parts)
        return cls(
            max((size.depth for size in sizes), default=0),
            sum(size.fields for size in sizes),
            sum(size.aliases for size in sizes),
            sum(size.directives for size in sizes),
        )


class _Measures:
    """Sizes of selections; `fields` counts those at the top only."""

    def __init__(self, context: ValidationContext) -> None:
        self._context = context
        self._fragments: dict[str, _Size] = {}

    def operation(self, node: OperationDefinitionNode) -> _Size:
        own = _Size(directives=len(node.directives or ()))
        return _Size.sum([own, self._selections(node.selection_set)])

    def _selections(self, node: SelectionSetNode) -> _Size:
        seen: set[str] = set()
        sizes = []
        for selection in node.selections:
            match selection:
                case FieldNode():
                    key = (selection.alias or selection.name).value
                    sizes.append(self._field(selection, repeated=key in seen))
                    seen.add(key)
                case FragmentSpreadNode():
                    sizes.append(self._fragment(selection.name.value))
                case InlineFragmentNode():
                    sizes.append(self._selections(selection.selection_set))
            sizes.append(_Size(directives=len(selection.directives or ())))
        return _Size.sum(sizes)

    def _field(self, node: FieldNode, *, repeated: bool) -> _Size:
        below = self._selections(node.selection_set) if node.selection_set else _Size()
        introspection = node.name.value.startswith("__")
        return _Size(
            depth=0 if introspection else below.depth + 1,
            fields=1,
            aliases=below.aliases + _other_names(node, repeated=repeated),
            directives=below.directives,
        )

    def _fragment(self, name: str) -> _Size:
        size = self._fragments.get(name)
        if size is None:
            self._fragments[name] = _Size()  # a cycle ends here; another rule reports it
            fragment: FragmentDefinitionNode | None = self._context.get_fragment(name)
            size = self._selections(fragment.selection_set) if fragment else _Size()
            self._fragments[name] = size
        return size


def _other_names(node: FieldNode, *, repeated: bool) -> int:
    """A long alias comes back with every item of a list, so it counts for several."""
    if node.alias is None:
        return int(repeated)
    return 1 + len(node.alias.value) // LONG_NAME


def _violations(size: _Size, limits: DocumentLimits) -> Iterable[GraphQLError]:
    for limit, measured, most in (
        (Limit.DEPTH, size.depth, limits.depth),
        (Limit.ALIASES, size.aliases, limits.aliases),
        (Limit.ROOT_FIELDS, size.fields, limits.root_fields),
        (Limit.DIRECTIVES, size.directives, limits.directives),
    ):
        if measured > most:
            yield too_complex(limit, most)
