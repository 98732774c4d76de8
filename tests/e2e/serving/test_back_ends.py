"""The API of back ends: a running server, its two addresses, and what its log and files hold."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

import httpx
import jwt
import pytest
from uuid_utils.compat import uuid7

from infrastructure.failures import ExitCode
from tests.support.processes import SECRET, Server, bearer, unplug
from tests.support.secrecy import CREDENTIAL

Json: TypeAlias = Any
"""Decoded JSON."""

SCOPES = "connections:read connections:write connections:disconnect credentials:read"
USER = uuid7()
TOKEN = f"refresh-token-{CREDENTIAL}"

CONNECT = """mutation ($input: ConnectProviderInput!) { connectProvider(input: $input) {
  __typename
  ... on ConnectProviderSuccess { created verify attemptId cursor
    connection { id userId status credentialsVersion providerAccountId expiresAt } }
  ... on ConnectionDisconnected { lateCredentials }
  ... on Error { message } } }"""
REFRESH = """mutation ($input: RefreshCredentialsInput!) { refreshCredentials(input: $input) {
  __typename
  ... on RefreshCredentialsSuccess { connection { status credentialsVersion } }
  ... on CredentialsChanged { credentialsVersion }
  ... on ConnectionDisconnected { lateCredentials } } }"""
REPORT = """mutation ($input: ReportAccessLostInput!) { reportAccessLost(input: $input) {
  __typename ... on ReportAccessLostSuccess { connection { status } } } }"""
SYNC = """mutation ($input: RecordSyncInput!) { recordSync(input: $input) {
  __typename ... on RecordSyncSuccess { connection { lastSyncAt } } } }"""
DISCONNECT = """mutation ($input: ServiceDisconnectProviderInput!) {
  disconnectProvider(input: $input) { __typename
    ... on DisconnectProviderSuccess { connection { status } attemptId } } }"""
DISCONNECT_ALL = """mutation ($input: ServiceDisconnectAllProvidersInput!) {
  disconnectAllProviders(input: $input) { __typename
    ... on DisconnectAllProvidersSuccess {
      batchId disconnected failed pendingRevocations cursor } } }"""
CREDENTIALS = """query ($id: ID!) { credentials(connectionId: $id) {
  __typename ... on Credentials { type data expiresAt credentialsVersion } } }"""
LIST = "query ($user: ID) { connections(userId: $user) { edges { node { id status } } } }"


class Services:
    """A server with an address for back ends, and one of them."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.url = next(line for line in server.log if line["event"] == "started")[
            "service_address"
        ]

    def post(
        self, query: str, variables: dict[str, object], scopes: str = SCOPES, url: str = ""
    ) -> httpx.Response:
        claims = {"sub": "sync", "exp": 4_000_000_000, "aud": "unplug-service", "scope": scopes}
        token = jwt.encode(claims, SECRET, "HS256")
        return httpx.post(
            f"{url or self.url}/graphql",
            json={"query": query, "variables": variables},
            headers={
                "authorization": f"Bearer {token}",
                "accept": "application/graphql-response+json",
            },
        )

    def data(self, query: str, **variables: object) -> Json:
        answer = self.post(query, variables)
        assert answer.headers["cache-control"] == "no-store"
        body = answer.json()
        assert "errors" not in body, body
        (field,) = body["data"].values()
        return field

    def connect(self, **more: object) -> Json:
        credentials = {
            "type": "oauth2",
            "data": {"refresh_token": TOKEN},
            "expiresAt": "2030-01-01T00:00:00Z",
        }
        provider = {"id": str(UUID(int=5)), "slug": "schwab"}
        given = {
            "userId": str(USER),
            "provider": provider,
            "credentials": credentials,
            "providerAccountId": "account-1",
            "attemptId": str(uuid7()),
        }
        return self.data(CONNECT, input=given | more)


def test_an_account_is_deleted(services: Services) -> None:
    """All connections of one user, whatever their number; a repetition gives the same counts."""
    leaving, staying = uuid7(), uuid7()
    for number in range(3):
        services.connect(userId=str(leaving), providerAccountId=f"leaving-{number}")
    services.connect(userId=str(staying), providerAccountId="staying")
    asked = {"userId": str(leaving), "batchId": str(uuid7()), "note": "Account deleted"}
    done = services.data(DISCONNECT_ALL, input=asked)
    assert done | {"cursor": ""} == {
        "__typename": "DisconnectAllProvidersSuccess",
        "batchId": asked["batchId"],
        "disconnected": 3,
        "failed": 0,
        "pendingRevocations": 0,
        "cursor": "",
    }
    assert services.data(DISCONNECT_ALL, input=asked) == done
    nothing = services.data(DISCONNECT_ALL, input=asked | {"batchId": str(uuid7())})
    assert (nothing["batchId"], nothing["disconnected"]) == (None, 0)

    def statuses(user_id: UUID) -> list[str]:
        edges = services.data(LIST, user=str(user_id))["edges"]
        return [edge["node"]["status"] for edge in edges]

    assert statuses(leaving) == ["DISCONNECTED"] * 3
    assert statuses(staying) == ["ACTIVE"]
    refused = services.post(DISCONNECT_ALL, {"input": asked}, scopes="connections:write")
    assert refused.json()["errors"][0]["extensions"]["scope"] == "connections:disconnect"


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("back-ends")
    with Server(folder, SERVICE_ADDRESS="127.0.0.1:0") as server:
        yield Services(server)


def test_connection_from_its_beginning_to_its_end(services: Services) -> None:
    attempt_id = str(uuid7())
    connected = services.connect(attemptId=attempt_id)
    connection = connected["connection"]
    assert (connected["created"], connected["attemptId"]) == (True, attempt_id)
    assert (connection["status"], connection["credentialsVersion"]) == ("ACTIVE", 1)
    assert services.connect(attemptId=attempt_id) == connected
    known = {"connectionId": connection["id"]}

    read = services.data(CREDENTIALS, id=connection["id"])
    assert read["data"] == {"refresh_token": TOKEN}
    assert read["expiresAt"] == "2030-01-01T00:00:00+00:00"

    lost = {**known, "credentialsVersion": 1, "status": "EXPIRED"}
    assert services.data(REPORT, input=lost)["connection"] == {"status": "EXPIRED"}
    fresh = {"type": "oauth2", "data": {"refresh_token": f"{TOKEN}-2"}}
    refresh = {**known, "credentialsVersion": 1, "credentials": fresh}
    refreshed = services.data(REFRESH, input=refresh)["connection"]
    assert refreshed == {"status": "ACTIVE", "credentialsVersion": 2}
    assert services.data(REFRESH, input=refresh) == {
        "__typename": "CredentialsChanged",
        "credentialsVersion": 2,
    }
    synced = services.data(SYNC, input={**known, "at": "2026-05-01T10:00:00+02:00"})
    assert synced["connection"] == {"lastSyncAt": "2026-05-01T08:00:00+00:00"}

    ended = {**known, "userId": str(USER), "attemptId": str(uuid7()), "note": "Closed"}
    done = services.data(DISCONNECT, input=ended)
    assert done["connection"] == {"status": "DISCONNECTED"}
    assert services.data(DISCONNECT, input=ended) == done
    late = {"__typename": "ConnectionDisconnected", "lateCredentials": "DESTROYED"}
    assert services.data(REFRESH, input={**refresh, "credentialsVersion": 2}) == late
    assert services.data(CREDENTIALS, id=connection["id"]) == {
        "__typename": "ConnectionDisconnected"
    }
    listed = services.data(LIST, user=str(USER))["edges"]
    assert [edge["node"] for edge in listed] == [{"id": connection["id"], "status": "DISCONNECTED"}]

    reads = services.server.logged("credentials_read", times=2)
    assert [(line["service"], line["connection_id"], line["outcome"]) for line in reads] == [
        ("sync", connection["id"], "ok"),
        ("sync", connection["id"], "ConnectionDisconnected"),
    ]
    assert TOKEN not in str(services.server.log)
    viewer = httpx.post(
        services.server.graphql,
        json={"query": "{ providerEvents { edges { node { __typename } } } }"},
        headers={"authorization": f"Bearer {bearer(USER)}"},
    )
    nodes = [edge["node"] for edge in viewer.json()["data"]["providerEvents"]["edges"]]
    assert [node["__typename"] for node in nodes] == [
        "ProviderConnected",
        "ProviderAccessLost",
        "ProviderAccessRestored",
        "ProviderDisconnectionAttempted",
        "ProviderDisconnectionSucceeded",
    ]


def test_each_port_takes_its_own_tokens_only(services: Services) -> None:
    public = services.post(LIST, {}, url=services.server.url)
    assert public.status_code == 401
    assert public.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    user = {"authorization": f"Bearer {bearer(USER)}"}
    private = httpx.post(f"{services.url}/graphql", json={"query": LIST}, headers=user)
    assert private.status_code == 401


@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics", "/graphql/x"])
def test_nothing_else_is_on_the_services_port(services: Services, path: str) -> None:
    assert httpx.get(f"{services.url}{path}").status_code == 404


def test_services_ask_by_post(services: Services) -> None:
    answer = httpx.get(f"{services.url}/graphql", params={"query": "{ __typename }"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("query", "variables", "scope"),
    [
        (LIST, {}, "connections:read"),
        (CREDENTIALS, {"id": str(USER)}, "credentials:read"),
        (SYNC, {"input": {"connectionId": str(USER), "at": "x"}}, "connections:write"),
        (DISCONNECT, {"input": {}}, "connections:disconnect"),
    ],
)
def test_missing_scope_is_forbidden(
    services: Services, query: str, variables: dict[str, object], scope: str
) -> None:
    answer = services.post(query, variables, scopes="other")
    assert answer.status_code == 403
    (error,) = answer.json()["errors"]
    assert error["extensions"] == {"code": "FORBIDDEN", "scope": scope}


@pytest.mark.parametrize(
    "document",
    [
        'mutation { connectProvider(input: {credentials: {data: {t "TOKEN"}}}) { __typename } }',
        'mutation { connectProvider """TOKEN""" }',
        'mutation { connectProvider(inptu: {credentials: {data: "TOKEN"}}) { __typename } }',
        'query { credentials(connectionId: {t: "TOKEN"}) { __typename } }',
        "query { connections(status: [TOKEN]) { __typename } }",
        'query { connections(first: "TOKEN") { __typename } }',
        'query { __typename @skip(if: "TOKEN") }',
        'query ($n: Int = "TOKEN") { connections(first: $n) { __typename } }',
        'query { node(id: "TOKEN") { __typename } }',
        'query { connections(after: "TOKEN") { __typename } }',
    ],
)
def test_no_literal_of_a_faulty_document_comes_back(services: Services, document: str) -> None:
    answer = services.post(document.replace("TOKEN", "hunter2"), {})
    assert answer.json()["errors"]
    assert "hunter2" not in answer.text
    assert "hunter2" not in str(services.server.log)


def test_schema_of_back_ends_is_printed(tmp_path: Path) -> None:
    done = unplug("schema", "--service", cwd=tmp_path)
    committed = Path(__file__).parents[3] / "schema" / "service.graphql"
    assert (done.returncode, done.stdout) == (0, committed.read_text())


def test_addresses_must_differ(tmp_path: Path) -> None:
    done = unplug(
        "serve", "--port", "18765", cwd=tmp_path, TOKEN_SECRET=SECRET,
        SERVICE_ADDRESS="127.0.0.1:18765",
    )  # fmt: skip
    assert done.returncode == ExitCode.WRONG_USAGE
    assert "UNPLUG_SERVICE_ADDRESS: port 18765 is the server's own" in done.stderr
