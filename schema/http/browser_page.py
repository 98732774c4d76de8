"""What a browser is shown that opens the GraphQL address."""

from dataclasses import dataclass
from urllib.parse import parse_qs

from schema.http.negotiation import prefers_html


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserPage:
    """A page in HTML. `policy` is its content security policy."""

    status: int
    html: str
    policy: str


NO_PAGE = BrowserPage(
    status=406,
    html=(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Unplug</title>'
        "<p>This is the address of a GraphQL API, which answers in JSON. "
        'The <a href="/readme">README</a> says how to use it.</p></html>'
    ),
    policy="default-src 'none'; frame-ancestors 'none'",
)
"""Says where to read on."""


def opened_by_a_browser(accept: bytes | None, query_string: bytes) -> bool:
    """Whether a GET asks for a page, and not for a query's result."""
    return prefers_html(accept) and b"query" not in parse_qs(query_string)
