"""Small changes to the product's code, each of which some test should notice."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Protocol

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators import boolean_replacer
from cosmic_ray.operators import comparison_operator_replacement as comparisons
from parso.tree import NodeOrLeaf

from tests.mutation.dropped_statement import DropStatement

FLIPPED = (
    *("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is"),
    *("Lt_GtE", "LtE_Gt", "Gt_LtE", "GtE_Lt"),
    *("Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt"),  # the border belongs to the other side
)


class Operator(Protocol):
    """One kind of change, as Cosmic Ray has it."""

    def mutation_positions(
        self, node: NodeOrLeaf
    ) -> Iterable[tuple[tuple[int, int], tuple[int, int]]]: ...

    def mutate(self, node: NodeOrLeaf, index: int) -> NodeOrLeaf: ...


OPERATORS: Sequence[Operator] = (
    *(getattr(comparisons, f"ReplaceComparisonOperator_{name}")() for name in FLIPPED),
    boolean_replacer.AddNot(),
    boolean_replacer.ReplaceAndWithOr(),
    boolean_replacer.ReplaceOrWithAnd(),
    DropStatement(),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """The `occurrence`th place of an operator in a module; `line` is where it is."""

    module: Path
    operator: Operator
    occurrence: int
    line: int

    def code(self, root: Path) -> str:
        """The module's text with the change in it."""
        source = (root / self.module).read_text(encoding="utf-8")
        changed: str | None = mutate_code(source, self.operator, self.occurrence)
        assert changed is not None
        return changed

    def compiles(self, root: Path) -> bool:
        """A negated `x := y` is no Python, for one."""
        try:
            compile(self.code(root), self.module, "exec")
        except SyntaxError:
            return False
        return True

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {type(self.operator).__name__}"


def sample(root: Path, packages: Sequence[str], size: int, seed: int) -> Sequence[Mutant]:
    """The same ones for the same code and seed, in the order of the modules."""
    found = [
        mutant
        for package in packages
        for module in sorted((root / package).rglob("*.py"))
        for mutant in _mutants(root, module.relative_to(root))
    ]
    order = random.Random(seed).sample(range(len(found)), len(found))  # noqa: S311
    chosen = islice((index for index in order if found[index].compiles(root)), size)
    return [found[index] for index in sorted(chosen)]


def _mutants(root: Path, module: Path) -> Iterator[Mutant]:
    nodes = list(ast_nodes(get_ast((root / module).read_text(encoding="utf-8"))))
    for operator in OPERATORS:
        occurrences = count()
        for node in nodes:
            for (line, _), _end in operator.mutation_positions(node):
                yield Mutant(
                    module=module, operator=operator, occurrence=next(occurrences), line=line
                )
