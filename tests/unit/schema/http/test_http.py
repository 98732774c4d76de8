"""GraphQL over HTTP: methods, bodies, media types and status codes."""

from urllib.parse import quote

import pytest

from schema.http.endpoint import TRANSPORTS
from tests.unit.schema.wire import ADA, RecordedAccess, UnverifiableTokens, Wire, codes

RESPONSE = "application/graphql-response+json"
TYPENAME = {"query": "{ __typename }"}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD", "TRACE", "BREW"])
async def test_other_methods_are_told_which_there_are(method: str) -> None:
    async with Wire().client() as client:
        answer = await client.http.request(method, "/graphql")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, POST, OPTIONS"


async def test_the_address_may_end_with_a_slash() -> None:
    async with Wire().client() as client:
        answer = await client.http.post("/graphql/", json=TYPENAME)
    assert answer.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize(
    "content_type",
    [None, "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"],
)
async def test_only_json_is_read(content_type: str | None) -> None:
    async with Wire().client() as client:
        headers = {} if content_type is None else {"content-type": content_type}
        answer = await client.http.post("/graphql", content=b'{"query": "{a}"}', headers=headers)
    assert answer.status_code == 415
    assert codes(answer) == ["BAD_USER_INPUT"]


async def test_a_query_by_get_is_answered_and_a_mutation_is_not() -> None:
    mutation = 'mutation { disconnectProvider(input: {connectionId: "x"}) { __typename } }'
    async with Wire().client() as client:
        answer = await client.http.get("/graphql", params={"query": "{ __typename }"})
        assert answer.json() == {"data": {"__typename": "Query"}}
        refused = await client.http.get("/graphql", params={"query": mutation})
    assert refused.status_code == 405
    assert refused.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "query_string",
    [
        "",
        "query=%FF",
        "query={__typename}&variables=5",
        "query={__typename}&variables=nonsense",
        "&".join(f"a{n}=1" for n in range(100)),
    ],
)
async def test_a_query_string_that_is_no_request_is_refused(query_string: str) -> None:
    async with Wire().client() as client:
        answer = await client.http.get(f"/graphql?{quote(query_string, safe='=&%')}")
    assert answer.status_code == 400
    assert codes(answer) == ["BAD_USER_INPUT"]


async def test_one_of_several_operations_is_named() -> None:
    two = "query A { a: __typename } query B { b: __typename }"
    async with Wire().client() as client:
        unnamed = await client.send({"query": two}, accept=RESPONSE)
        assert unnamed.status_code == 400
        assert "operationName" in unnamed.json()["errors"][0]["message"]
        unknown = await client.send({"query": two, "operationName": "C"}, accept=RESPONSE)
        assert codes(unknown) == ["BAD_USER_INPUT"]
        named = await client.send({"query": two, "operationName": "B"}, accept=RESPONSE)
    assert named.json() == {"data": {"b": "Query"}}


async def test_a_subscription_by_plain_post_is_told_the_transports() -> None:
    async with Wire().client() as client:
        answer = await client.post("subscription { providerEvents { id } }")
    assert answer.status_code == 400
    assert [error["message"] for error in answer.json()["errors"]] == [TRANSPORTS]
    for transport in ("graphql-transport-ws", "text/event-stream", "multipart/mixed"):
        assert transport in TRANSPORTS


@pytest.mark.parametrize(
    ("accept", "content_type", "status"),
    [
        (RESPONSE, RESPONSE, 400),
        (f"application/json;q=0.9, {RESPONSE}", RESPONSE, 400),
        ("application/json", "application/json", 200),
        ("*/*", "application/json", 200),
        ("text/html", "application/json", 200),
        (f"{RESPONSE};q=0, application/json;q=nonsense, */*;q=0.1", "application/json", 200),
    ],
)
async def test_the_status_depends_on_the_accepted_type(
    accept: str, content_type: str, status: int
) -> None:
    async with Wire().client() as client:
        answer = await client.send({"query": "{ nonsense }"}, accept=accept)
    assert answer.headers["content-type"] == f"{content_type}; charset=utf-8"
    assert answer.status_code == status
    assert codes(answer) == ["GRAPHQL_VALIDATION_FAILED"]


@pytest.mark.parametrize("accept", ["text/html", "text/html,application/xhtml+xml,*/*;q=0.8"])
async def test_a_browser_is_told_where_to_read_on(accept: str) -> None:
    async with Wire().client(user_id=None) as client:
        answer = await client.http.get("/graphql?q=saved", headers={"accept": accept})
    assert answer.status_code == 406
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert '<a href="/readme">README</a>' in answer.text
    policies = answer.headers.get_list("content-security-policy")
    assert policies == ["default-src 'none'; frame-ancestors 'none'"]


async def test_a_query_that_a_browser_opens_is_answered() -> None:
    headers = {"accept": "text/html,*/*;q=0.8"}
    async with Wire().client() as client:
        answer = await client.http.get("/graphql", params=TYPENAME, headers=headers)
    assert answer.json() == {"data": {"__typename": "Query"}}


async def test_only_who_prefers_html_is_shown_a_page() -> None:
    async with Wire().client() as client:
        for accept in ("*/*", "application/json, text/html;q=0.9", "text/html;q=0"):
            answer = await client.http.get("/graphql", headers={"accept": accept})
            assert answer.status_code == 400
            assert codes(answer) == ["BAD_USER_INPUT"]


async def test_nobody_is_answered_without_a_token() -> None:
    wire = Wire()
    async with wire.client(None) as client:
        for headers in ({}, {"authorization": "Bearer x"}, {"authorization": f"Basic {ADA}"}):
            answer = await client.http.post("/graphql", json=TYPENAME, headers=headers)
            assert answer.status_code == 401
            assert codes(answer) == ["UNAUTHENTICATED"]
            assert answer.headers["www-authenticate"] == "Bearer"
        cookie = {"cookie": f"authorization=Bearer {ADA}; token={ADA}"}
        assert (await client.http.post("/graphql", json=TYPENAME, headers=cookie)).is_error


async def test_every_answer_says_that_it_is_data() -> None:
    async with Wire().client() as client:
        for answer in (await client.send(TYPENAME), await client.send(b"{")):
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["cache-control"] == "no-store"
            assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", "eyJhbGciOiJ9.eyJzdWIi.c2ln"])
async def test_a_request_id_comes_back_when_it_is_sane(given: str) -> None:
    async with Wire().client() as client:
        answer = await client.send(TYPENAME, x_request_id="req-7_A")
        assert answer.headers["x-request-id"] == "req-7_A"
        made_up = (await client.send(TYPENAME, x_request_id=given)).headers["x-request-id"]
    assert made_up
    assert made_up != given


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream", "multipart/mixed"])
async def test_tokens_that_can_not_be_verified_now_are_not_refused(accept: str) -> None:
    log = RecordedAccess()
    async with Wire(tokens=UnverifiableTokens(), access_log=log).client() as client:
        answer = await client.send(TYPENAME, accept=accept)
        no_token = await client.send(TYPENAME, accept=accept, authorization="")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "3"
    assert "www-authenticate" not in answer.headers
    assert answer.json()["errors"][0]["extensions"] == {
        "code": "SERVICE_UNAVAILABLE",
        "retryAfter": 3,
    }
    assert no_token.status_code == 401
    assert [outcome for _, outcome in log.outcomes] == ["SERVICE_UNAVAILABLE", "UNAUTHENTICATED"]
