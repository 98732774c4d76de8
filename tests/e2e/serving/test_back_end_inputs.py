"""Bad input of back ends: it is named, nothing is written, and nothing of it is quoted."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest
from uuid_utils.compat import uuid7

from tests.support.processes import SECRET, Server
from tests.support.secrecy import CREDENTIAL

Json = dict[str, Any]
SCOPES = "connections:read connections:write"
TOKEN = f"token-{CREDENTIAL}"
CONNECT = """mutation ($input: ConnectProviderInput!) {
  connectProvider(input: $input) { __typename } }"""
REFRESH = """mutation ($input: RefreshCredentialsInput!) {
  refreshCredentials(input: $input) { __typename } }"""
SYNC = "mutation ($input: RecordSyncInput!) { recordSync(input: $input) { __typename } }"
LIST = "query ($user: ID!) { connections(userId: $user) { edges { node { id } } } }"
LARGE = json.dumps({"token": TOKEN, "filling": "x" * 65_536})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("inputs"), SERVICE_ADDRESS="127.0.0.1:0") as server:
        yield server


def post(server: Server, query: str, variables: str) -> httpx.Response:
    claims = {"sub": "sync", "exp": 4_000_000_000, "aud": "unplug-service", "scope": SCOPES}
    return httpx.post(
        f"{server.service_url}/graphql",
        content=f'{{"query": {json.dumps(query)}, "variables": {variables}}}',
        headers={
            "authorization": f"Bearer {jwt.encode(claims, SECRET, 'HS256')}",
            "content-type": "application/json",
        },
    )


def connecting(user: str, **members: str) -> str:
    """The variables of a good command, but for these members, which are JSON."""
    given = {
        "userId": f'"{user}"',
        "provider": f'{{"id": "{uuid7()}", "slug": "schwab"}}',
        "credentials": f'{{"type": "oauth2", "data": {{"token": "{TOKEN}"}}}}',
        "attemptId": f'"{uuid7()}"',
    } | members
    return f'{{"input": {{{", ".join(f"{json.dumps(k)}: {v}" for k, v in given.items())}}}}}'


def credentials(data: str, more: str = "") -> Json:
    return {"credentials": f'{{"type": "oauth2", "data": {data}{more}}}'}


def provider(slug: str, id_: str = "00000000-0000-0000-0000-000000000005") -> Json:
    return {"provider": json.dumps({"id": id_, "slug": slug})}


@pytest.mark.parametrize(
    ("members", "named"),
    [
        (credentials("{}"), "credentials.data"),
        (credentials(f'["{TOKEN}"]'), "credentials.data"),
        (credentials("null"), "data"),
        (credentials(LARGE), "credentials.data"),
        (credentials(f'{{"token": "{TOKEN}", "n": 1e400}}'), "`credentials.data` has a number"),
        (credentials(f'{{"token": "{TOKEN}", "n": [NaN]}}'), "`credentials.data` has a number"),
        (credentials(f'{{"{TOKEN}": -Infinity}}'), "`credentials.data` has a number"),
        ({"kredentials": f'{{"{TOKEN}": NaN}}'}, "`variables` has a number"),
        ({"alias": "NaN"}, "`alias` has a number"),
        (
            credentials(f'{{"token": "{TOKEN}"}}', ', "expiresAt": "2030-01-01T00:00:00"'),
            "credentials.expiresAt",
        ),
        (
            {"credentials": f'{{"type": "", "data": {{"token": "{TOKEN}"}}}}'},
            "credentials.type",
        ),
        (
            {"credentials": f'{{"type": "oauth2", "dota": {{"token": "{TOKEN}"}}}}'},
            "$input' has invalid value at .credentials",
        ),
        ({"kredentials": f'{{"token": "{TOKEN}"}}'}, "$input"),
        (provider(""), "provider.slug"),
        (provider("x" * 51), "provider.slug"),
        (provider("a\0b"), "provider.slug"),
        (provider("schwab", "5"), "provider.id"),
        ({"alias": json.dumps("x" * 101)}, "alias"),
        ({"alias": '"a\\u0000b"'}, "alias"),
        ({"providerAccountId": '""'}, "providerAccountId"),
        ({"providerAccountId": '"a\\u0000"'}, "providerAccountId"),
        ({"attemptId": '"once"'}, "attemptId"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_connection_with_bad_input_does_not_begin(
    server: Server, members: dict[str, str], named: str
) -> None:
    user = str(uuid7())
    answer = post(server, CONNECT, connecting(user, **members))
    errors = answer.json()["errors"]
    assert {error["extensions"]["code"] for error in errors} == {"BAD_USER_INPUT"}
    assert any(named in error["message"] for error in errors), errors
    assert TOKEN not in answer.text
    listed = post(server, LIST, json.dumps({"user": user})).json()
    assert listed["data"]["connections"]["edges"] == []
    assert TOKEN not in str(server.log)


def test_any_uuid_is_a_user_and_nothing_else_is(server: Server) -> None:
    (error,) = post(server, CONNECT, connecting("ada")).json()["errors"]
    assert "userId" in error["message"]
    done = post(server, CONNECT, connecting(str(uuid7()))).json()
    assert done["data"]["connectProvider"]["__typename"] == "ConnectProviderSuccess"


@pytest.mark.parametrize(
    ("query", "members", "named"),
    [
        (REFRESH, {"credentialsVersion": 1, "credentials": {"type": "x", "data": {}}}, "data"),
        (SYNC, {"at": "2026-01-01T00:00:00"}, "at"),
        (SYNC, {"at": "0001-01-01T00:00:00Z"}, "at"),
    ],
)
def test_other_commands_refuse_it_as_well(
    server: Server, query: str, members: Json, named: str
) -> None:
    given = {"input": {"connectionId": str(uuid7()), **members}}
    (error,) = post(server, query, json.dumps(given)).json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert named in error["message"]
