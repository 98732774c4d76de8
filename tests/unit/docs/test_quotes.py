"""Code in the documents is the product's own, or is checked here."""

import re
from datetime import UTC, datetime
from textwrap import dedent

import pytest
from graphql import GraphQLSchema, parse, validate

from infrastructure.commands.importing.lines import connection_of
from schema.build import build_schema, build_service_schema
from tests.unit.docs.pages import BACK_ENDS, OPERATORS, PAGES, ROOT, WEB_DEVELOPERS, Block

WEB = ROOT / "infrastructure" / "web" / "static"
REGION = re.compile(r"^ *// guide: (?!end)(\S+)\n(.*?)^ *// guide: end$", re.DOTALL | re.MULTILINE)
BLOCKS = [
    block
    for page in PAGES
    for kind in ("js", "javascript", "python")
    for block in page.blocks(kind)
]
QUOTED = [block for block in BLOCKS if block.mark.startswith("quoted from ")]
VIEWERS, SERVICES = build_schema().executable, build_service_schema().executable
DOCUMENTS = [
    (SERVICES if page.path == BACK_ENDS.path else VIEWERS, block.text)
    for page in PAGES
    for block in page.blocks("graphql")
]


def source(block: Block) -> str:
    """The code that a block quotes: a marked region of a file, or the whole file."""
    name, _, region = block.mark.removeprefix("quoted from ").partition(": ")
    text = (ROOT / name).read_text()
    if not region:
        return text
    return dedent(dict(REGION.findall(text))[region])


@pytest.mark.parametrize("block", QUOTED, ids=lambda block: block.mark)
def test_what_is_quoted_is_the_code(block: Block) -> None:
    code = source(block)
    if ": " in block.mark:
        assert block.text == code
    else:
        for part in block.text.strip().split("\n\n\n"):
            assert part in code


def test_all_that_is_marked_is_quoted() -> None:
    marked = {
        f"quoted from {file.relative_to(ROOT)}: {name}"
        for file in WEB.glob("*.js")
        for name, _ in REGION.findall(file.read_text())
    }
    assert marked <= {block.mark for block in WEB_DEVELOPERS.blocks("js")}


def test_every_mark_is_closed() -> None:
    for file in WEB.glob("*.js"):
        text = file.read_text()
        assert text.count("// guide: ") == 2 * len(REGION.findall(text)), file.name


def test_code_that_is_not_quoted_makes_a_tested_client() -> None:
    """Its lines stand in the client's test, apart from the address and the token."""
    (block,) = [block for block in BLOCKS if not block.mark]
    tested = (ROOT / "tests" / "clients" / "graphql-ws.js").read_text()
    for line in block.text.splitlines():
        if "url:" not in line and "authorization" not in line:
            assert line.strip().removeprefix("const ") in tested


@pytest.mark.parametrize(("schema", "document"), DOCUMENTS)
def test_documents_are_valid(schema: GraphQLSchema, document: str) -> None:
    assert validate(schema, parse(document)) == []


def test_the_line_to_import_is_taken() -> None:
    (block,) = OPERATORS.blocks("json")
    connection = connection_of(block.text.encode(), lambda data: data, datetime.now(UTC))
    assert connection.provider_slug == "schwab"
