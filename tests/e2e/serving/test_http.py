"""The running server against too much, curious pages, and haste."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from uuid_utils.compat import uuid7

from tests.e2e.client import DISCONNECT
from tests.support.processes import Server, bearer, running

APP = "https://app.example.com"
ADA = UUID(int=0xADA)
TWENTY_MB = 20 * 1024 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("http")
    with running(folder, ALLOWED_ORIGINS=APP, MAX_MUTATIONS_PER_SECOND="5") as server:
        yield server
    assert [entry for entry in server.log if entry["level"] not in ("debug", "info")] == []


def _headers(user_id: UUID = ADA) -> dict[str, str]:
    return {"authorization": f"Bearer {bearer(user_id)}"}


def _alive(server: Server) -> bool:
    answer = httpx.post(server.graphql, json={"query": "{ __typename }"}, headers=_headers())
    return bool(answer.json() == {"data": {"__typename": "Query"}})


def test_a_length_of_twenty_megabytes_is_refused_before_the_body(server: Server) -> None:
    url = httpx.URL(server.graphql)
    with socket.create_connection((url.host, url.port or 80), timeout=20) as raw:
        head = {**_headers(), "host": url.host, "content-type": "application/json"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        raw.sendall(
            f"POST /graphql HTTP/1.1\r\n{lines}content-length: {TWENTY_MB}\r\n\r\n".encode()
        )
        answer = b"".join(iter(lambda: raw.recv(65_536), b""))  # until the server hangs up
    assert answer.startswith(b"HTTP/1.1 413 ")
    [error] = json.loads(answer.partition(b"\r\n\r\n")[2])["errors"]
    assert error["extensions"] == {"code": "TOO_COMPLEX", "limit": "body"}
    assert _alive(server)


def test_twenty_megabytes_without_a_length_are_cut(server: Server) -> None:
    sent = 0

    def stream() -> Iterator[bytes]:
        nonlocal sent
        while sent < TWENTY_MB:
            sent += 65_536
            yield b" " * 65_536

    head = {**_headers(), "content-type": "application/json"}
    answer = httpx.post(server.graphql, content=stream(), headers=head, timeout=20)
    assert answer.status_code == 413
    assert sent < TWENTY_MB
    assert _alive(server)


def test_introspection_and_suggestions_are_off(server: Server) -> None:
    for query in ("{ __schema { queryType { name } } }", "{ eventCursr }"):
        answer = httpx.post(server.graphql, json={"query": query}, headers=_headers()).json()
        codes = {error["extensions"]["code"] for error in answer["errors"]}
        assert codes == {"GRAPHQL_VALIDATION_FAILED"}
        assert "Did you mean" not in json.dumps(answer)


def test_allowed_pages_may_ask_and_others_may_not(server: Server) -> None:
    for origin, status in ((APP, 200), ("https://evil.example", 403)):
        preflight = {"origin": origin, "access-control-request-method": "POST"}
        assert httpx.options(server.graphql, headers=preflight).status_code == status


def test_one_users_haste_is_nobody_elses_problem(server: Server) -> None:
    hasty, other = uuid7(), uuid7()
    body = {"query": DISCONNECT, "variables": {"id": str(uuid7())}}
    with httpx.Client(timeout=20) as client:
        answers = [
            client.post(server.graphql, json=body, headers=_headers(hasty)) for _ in range(12)
        ]
        calm = client.post(server.graphql, json=body, headers=_headers(other))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    assert calm.json()["data"]["disconnectProvider"]["__typename"] == "ConnectionNotFound"


def test_a_browser_that_opens_the_address_finds_the_readme(server: Server) -> None:
    answer = httpx.get(server.graphql, headers={"accept": "text/html,*/*;q=0.8"})
    assert answer.status_code == 406
    assert "GraphQL API" in answer.text
    link = answer.text.partition('href="')[2].partition('"')[0]
    readme = httpx.get(f"{server.url}{link}")
    assert readme.text.startswith("# Unplug")
    assert readme.headers["content-type"].startswith("text/plain")
