"""Documents are cached: none may hold what could be a credential."""

import pytest
from graphql import parse

from schema.errors import Refused
from schema.service.literals import refuse_credentials

KNOWN = 'userId: "u", attemptId: "a", alias: "My IRA", provider: {id: "p", slug: "schwab"}'


def connect(members: str, variables: str = "($c: CredentialsInput!)") -> str:
    return f"mutation {variables} {{ connectProvider(input: {{{members}}}) {{ __typename }} }}"


@pytest.mark.parametrize(
    "document",
    [
        connect(f"{KNOWN}, credentials: $c"),
        connect(
            f"{KNOWN}, credentials: {{type: $t, data: {{token: $d}}}}", "($t: String!, $d: ID)"
        ),
        connect("provider: {slug: $s}, credentials: $c", '($s: String = "schwab", $c: X!)'),
        "mutation ($input: X!) { connectProvider(input: $input) { __typename } }",
        'query ($n: Int = 5) { connections(first: $n, providerSlug: "schwab") { __typename } }',
    ],
)
def test_documents_without_credentials_are_accepted(document: str) -> None:
    refuse_credentials(parse(document))


@pytest.mark.parametrize(
    "members",
    [
        'credentials: {type: $t, data: {token: "hunter2"}}',
        'credentials: {type: $t, data: {id: "hunter2"}}',
        'credentials: {type: $t, data: {note: """hunter2"""}}',
        "credentials: {type: $t, data: {status: hunter2}}",
        "credentials: {type: $t, data: {credentialsVersion: 42}}",
        'credentials: {type: $t, data: {provider: {id: "hunter2"}}}',
        'credentials: {type: $t, data: {input: {alias: "hunter2"}}}',
        'credentials: {type: $t, data: $d, at: "hunter2"}',
        'credentials: {provider: {slug: "hunter2"}}',
        'credentials: "hunter2"',
        'credentials: ["hunter2"]',
        'credentails: {type: "hunter2"}',
        'provider: {id: "p", slug: "s", token: "hunter2"}',
        'provider: {id: "p", slug: {alias: "hunter2"}}',
        'provider: {provider: {id: "hunter2"}}',
        'alias: ["hunter2"]',
        'alias: {alias: "hunter2"}',
    ],
)
def test_literals_that_may_be_credentials_are_refused(members: str) -> None:
    with pytest.raises(Refused):
        refuse_credentials(parse(connect(members, "($t: String!, $d: JSON!)")))


@pytest.mark.parametrize(
    "default", ['String = "hunter2"', "Int = 42", "JSON = hunter2", '[ID] = ["hunter2"]']
)
@pytest.mark.parametrize("data", ["$d", "{token: $d}", "{inner: {id: $d}}"])
def test_defaults_of_credentials_are_refused(default: str, data: str) -> None:
    members = f"{KNOWN}, credentials: {{type: $t, data: {data}}}"
    with pytest.raises(Refused):
        refuse_credentials(parse(connect(members, f"($t: String!, $d: {default})")))


def test_a_default_is_found_through_fragments() -> None:
    document = (
        'mutation ($d: String = "hunter2") { ...F } fragment F on Mutation { x: connectProvider('
        "input: {credentials: {data: {token: $d}}}) { __typename } }"
    )
    with pytest.raises(Refused):
        refuse_credentials(parse(document))
