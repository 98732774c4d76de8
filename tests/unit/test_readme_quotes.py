"""The README quotes the page's own code, and quotes it as it is."""

import re
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[2]
WEB = ROOT / "infrastructure" / "web" / "static"
REGION = re.compile(
    r"^ *// README: (?!end)(\S+)\n(.*?)^ *// README: end$", re.DOTALL | re.MULTILINE
)
QUOTE = re.compile(
    r"<!-- quoted from (infrastructure/web/static/\S+): (\S+) -->\n+```js\n(.*?)```", re.DOTALL
)


def regions() -> dict[tuple[str, str], str]:
    """What is marked as worth quoting, by file and name."""
    return {
        (f"infrastructure/web/static/{file.name}", name): dedent(code)
        for file in WEB.glob("*.js")
        for name, code in REGION.findall(file.read_text())
    }


def quotes(text: str) -> dict[tuple[str, str], str]:
    """What a text quotes, by file and name."""
    return {(file, name): code for file, name, code in QUOTE.findall(text)}


def test_the_readme_quotes_all_that_is_marked_and_word_for_word() -> None:
    quoted = quotes((ROOT / "README.md").read_text())
    assert quoted == regions()


def test_every_mark_is_closed() -> None:
    for file in WEB.glob("*.js"):
        text = file.read_text()
        assert text.count("// README: ") == 2 * len(REGION.findall(text)), file.name


CLIENT = re.compile(r"<!-- quoted from (tests/clients/\S+) -->\n+```\w+\n(.*?)```", re.DOTALL)


def test_what_is_quoted_of_the_tested_clients_is_their_code() -> None:
    quoted = CLIENT.findall((ROOT / "README.md").read_text())

    assert len(quoted) == 2
    for file, code in quoted:
        for part in code.strip().split("\n\n\n"):
            assert part in (ROOT / file).read_text()
