"""Names of other packages that we rely on without their promise: all in one page, and all there."""

import ast
import inspect
import re
import textwrap
import tomllib
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

from infrastructure.database.postgres.client import PostgresClient, _Acquired
from infrastructure.database.postgres.connection import PlainConnection
from infrastructure.server.http_protocol import HttpProtocol, _Flow
from infrastructure.server.strict_http_protocol import StrictHttpProtocol
from infrastructure.server.uvicorn_server import _Server
from infrastructure.server.websocket_protocol import WebSocketProtocol

ROOT = Path(__file__).parents[2]
PARTS = ("domain", "schema", "infrastructure")
PAGE = (ROOT / "docs" / "decisions" / "0021-private-names.md").read_text()
PACKAGES = [
    (package, re.findall(r"^- `([\w.]+):?(\w*)`: (.+)$", lists, re.MULTILINE))
    for package, lists in re.findall(r"^### (\S+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
]
LISTED = {
    (module, name): set(re.findall(r"`(\w+)`", names))
    for _, classes in PACKAGES
    for module, name, names in classes
}
DOCUMENTED = {
    *re.findall(r"`([\w.]+)`", PAGE.partition("Documented modules")[2].partition("###")[0])
}
SUBCLASSES = (
    *(HttpProtocol, StrictHttpProtocol, _Flow, WebSocketProtocol, _Server),
    *(PostgresClient, _Acquired, PlainConnection),
)


def names_of(base: type) -> set[str]:
    """Its methods and attributes."""
    attributes = re.findall(r"self\.(\w+)(?:: [^=\n]+)? =", inspect.getsource(base))
    return {name for name in dir(base) if not name.startswith("__")} | {
        *attributes,
        *inspect.get_annotations(base),
    }


def used_in(subclass: type) -> set[str]:
    tree = ast.walk(ast.parse(textwrap.dedent(inspect.getsource(subclass))))
    return {
        node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else node.attr
        for node in tree
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Attribute)
    }


@pytest.mark.parametrize(("module", "name"), LISTED)
def test_every_name_exists(module: str, name: str) -> None:
    found = getattr(import_module(module), name) if name else import_module(module)
    if isinstance(found, type):
        known = set().union(*(names_of(base) for base in found.__mro__[:-1] if base is not tuple))
    else:
        known = set(dir(found))
    assert LISTED[module, name] - known == set()


@pytest.mark.parametrize("subclass", SUBCLASSES)
def test_no_other_name_of_a_base_is_used(subclass: type) -> None:
    packages = {package.partition("-")[0] for package, _ in PACKAGES}
    theirs = [base for base in subclass.__mro__ if base.__module__.split(".")[0] in packages]
    listed = set().union(*(LISTED.get((b.__module__, b.__name__), set()) for b in theirs))
    for base in theirs:
        assert (used_in(subclass) & names_of(base)) - listed == set()


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """Modules, and the names that are imported from them."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield from ((str(node.module), alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def test_no_other_module_is_imported() -> None:
    roots = {module.partition(".")[0] for module, _ in LISTED}
    product = [path for part in PARTS for path in (ROOT / part).rglob("*.py")]
    touched = {
        (module, name)
        for path in product
        for module, name in imported(path)
        if module.partition(".")[0] in roots and module not in DOCUMENTED
    }
    promised = LISTED.keys() | {
        (module, name) for (module, of), names in LISTED.items() if not of for name in names
    }
    assert touched - promised == set()


@pytest.mark.parametrize("package", [package for package, _ in PACKAGES])
def test_every_package_is_pinned_to_its_minor_version(package: str) -> None:
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    (pin,) = [line for line in dependencies if re.match(rf"{package}\b", line)]
    major, minor, *_ = version(package).split(".")
    assert pin.endswith(f",<{major}.{int(minor) + 1}")
