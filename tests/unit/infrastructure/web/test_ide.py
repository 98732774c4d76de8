"""The IDE: Strawberry's page as it is, with a token and a policy of its own."""

import pytest
from strawberry.http.ides import get_graphql_ide_html

from infrastructure.web import ide as module
from infrastructure.web.ide import ide


def test_the_page_is_strawberrys_with_the_token_filled_in() -> None:
    given, made = get_graphql_ide_html("graphiql").splitlines(), ide("secret").html.splitlines()
    assert [line.strip() for line in made if line not in given] == [
        'const defaultHeaders = {"authorization": "Bearer secret"};',
        "wsConnectionParams: defaultHeaders,",
    ]


def test_the_policy_allows_no_inline_script_but_the_pages_own() -> None:
    policy = dict(part.split(None, 1) for part in ide("secret").policy.split("; "))
    host, own = policy["script-src"].split()
    assert f'src="{host}/' in get_graphql_ide_html("graphiql")
    assert own.startswith("'sha256-")
    assert policy["connect-src"] == "'self'"
    assert policy["default-src"] == "'none'"
    assert ide("other").policy != ide("secret").policy


def test_another_page_of_strawberrys_is_no_page_without_a_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "get_graphql_ide_html", lambda _: "<script>new()</script>")
    with pytest.raises(ValueError, match="has changed"):
        ide("secret")
