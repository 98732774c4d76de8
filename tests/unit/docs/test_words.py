"""Plain technical English in the code, the schemas, the page and the documents."""

import re
from pathlib import Path

from tests.unit.docs.pages import FILES, ROOT

AVOIDED = re.compile(
    r"\b(some|any|every)body\b|\bnobody\b|\bwho(m|so)?ever\b|\bwhatever\b|\bfor ever\b",
    re.IGNORECASE,
)
KINDS = ("*.py", "*.graphql", "*.js", "*.html", "*.sql", "*.toml")
PARTS = ("domain", "schema", "infrastructure", "benchmarks", ".ci")


def _read() -> list[Path]:
    sources = [
        path
        for part in PARTS
        for kind in KINDS
        for path in (ROOT / part).rglob(kind)
        if "node_modules" not in path.parts
    ]
    return [*FILES, *sources, *(ROOT / ".ci").iterdir(), ROOT / "pyproject.toml"]


def test_words_that_the_style_avoids_are_nowhere() -> None:
    found = {
        str(path.relative_to(ROOT)): [match[0] for match in AVOIDED.finditer(path.read_text())]
        for path in _read()
    }
    assert {path: words for path, words in found.items() if words} == {}
