"""The layout's rules that neither import-linter nor ruff knows."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("domain", "schema", "infrastructure")
UNIT = ROOT / "tests/unit"
MOST_MODULES = 12
TASKS_AND_TIMERS = {"asyncio", "concurrent", "sched", "threading", "time"}
"""Handlers read like their rules: what runs at once, and for how long, is decided outside."""


def _packages(*parents: str) -> Iterator[Path]:
    for parent in parents:
        for module in (ROOT / parent).rglob("__init__.py"):
            if "node_modules" not in module.parts:
                yield module.parent.relative_to(ROOT)


def _modules(package: Path) -> list[str]:
    return [module.stem for module in (ROOT / package).glob("*.py") if module.stem != "__init__"]


def _imported(module: Path) -> Iterator[str]:
    """Top-level packages, those of imports inside of functions included."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import"
            yield str(node.module).partition(".")[0]


@pytest.mark.parametrize(
    "module", sorted((ROOT / "domain").rglob("*.py")), ids=lambda path: path.stem
)
def test_the_domain_imports_the_standard_library_only(module: Path) -> None:
    imported = set(_imported(module))

    assert not imported - sys.stdlib_module_names - {"domain"}
    assert not imported & TASKS_AND_TIMERS


@pytest.mark.parametrize("package", sorted(_packages(*PARTS, "tests")), ids=str)
def test_a_folder_holds_twelve_modules_at_most(package: Path) -> None:
    assert len(_modules(package)) <= MOST_MODULES


@pytest.mark.parametrize("package", sorted(_packages("tests/unit")), ids=str)
def test_unit_tests_stand_where_what_they_test_stands(package: Path) -> None:
    tested = ROOT / package.relative_to("tests/unit")

    assert (tested / "__init__.py").is_file() or tested in {ROOT, ROOT / "docs"}
