"""The documents of the repository, and what stands in them."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
FILES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>.*?) -->\n+)?```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True, kw_only=True)
class Block:
    """Code between fences; `mark` is the comment above it, or an empty text."""

    kind: str
    mark: str
    text: str


@dataclass(frozen=True)
class Page:
    """A document in Markdown."""

    path: Path

    def __str__(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text()

    @property
    def prose(self) -> str:
        """What is not between fences."""
        return _BLOCK.sub("", self.text)

    def blocks(self, kind: str) -> list[Block]:
        """Fenced code of one kind, in order."""
        return [
            Block(kind=kind, mark=found["mark"] or "", text=found["text"])
            for found in _BLOCK.finditer(self.text)
            if found["kind"] == kind
        ]

    def table(self, first_heading: str) -> list[list[str]]:
        """The rows of all tables whose first column has this heading, cells without blanks."""
        tables = re.findall(r"(?:^\|.*\|$\n?)+", self.text, re.MULTILINE)
        rows = [[_cells(line) for line in table.splitlines()] for table in tables]
        found = [cells for table in rows if table[0][0] == first_heading for cells in table[2:]]
        assert found, f"{self} has no table of `{first_heading}`"
        return found

    def headings(self) -> set[str]:
        """The anchors of its headings, as GitHub makes them."""
        return {_anchor(heading) for heading in re.findall(r"^#+ (.*)$", self.prose, re.MULTILINE)}


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


PAGES = [Page(file) for file in FILES]
OPERATORS = Page(ROOT / "docs" / "operators.md")
BACK_ENDS = Page(ROOT / "docs" / "back-ends.md")
WEB_DEVELOPERS = Page(ROOT / "docs" / "web-developers.md")
WEBHOOKS = Page(ROOT / "docs" / "webhooks.md")
README = Page(ROOT / "README.md")
CONTRIBUTING = Page(ROOT / "CONTRIBUTING.md")
