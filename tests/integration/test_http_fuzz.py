"""Whatever is sent, the answer is GraphQL's, nothing breaks, and the next request is served."""

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlencode

import orjson
import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schema.asgi import WireSettings
from tests.unit.wire import ADA, Wire

Message: TypeAlias = Any
"""An ASGI message, or a log entry: a dictionary of whatever."""

T = TypeVar("T")

fuzzing = settings(deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)


def mostly(common: st.SearchStrategy[T], rare: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    """Nine times out of ten the common one: what is wrong everywhere doesn't get far."""
    return st.integers(0, 9).flatmap(lambda n: common if n < 9 else rare)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)

OPERATIONS = (
    "query Q($a: Int, $b: String, $c: Int, $d: String, $s: [ConnectionStatus!]) { "
    "connectedProviders(first: $a, after: $b, last: $c, before: $d, status: $s) "
    "{ edges { cursor node { id status } } pageInfo { hasNextPage } } }",
    "query Q($a: Int, $b: String, $c: Int, $d: String, $i: ID) { "
    "providerEvents(first: $a, after: $b, last: $c, before: $d, connectionId: $i) "
    "{ edges { node { __typename position } } } eventCursor }",
    "query Q($i: ID!) { node(id: $i) { id ... on ProviderEvent { position } } }",
    "mutation Q($i: ID!) { disconnectProvider(input: {connectionId: $i}) { __typename } }",
    "mutation Q($i: DisconnectProviderInput!) { disconnectProvider(input: $i) { __typename } }",
    "subscription Q($b: String, $i: ID) { providerEvents(after: $b, connectionId: $i) { id } }",
    "query A { eventCursor } query Q { ...F } fragment F on Query { eventCursor }",
    "{ __schema { types { name } } __type(name: \"ID\") { name } }",
)  # fmt: skip

TOKENS = (
    "{", "}", "(", ")", "[", "]", ":", "!", "$", "@", "=", "|", "&", "...", "on", "query",
    "mutation", "subscription", "fragment", "type", "schema", "extend", "eventCursor", "node",
    "providerEvents", "connectedProviders", "disconnectProvider", "id", "first", "input",
    "ConnectedProvider", "__typename", "__schema", "null", "true", "1", "-0.5e9", '"x"', '"""',
    '"\\u{110000}"', "#", "\ufeff", "@skip(if: true)", "@include", "$a", "$a: Int = 1",
    "9" * 5_000,
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """An operation with a piece cut out, and something else put there."""
    text = draw(st.sampled_from(OPERATIONS))
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 30)))
    piece = draw(st.sampled_from(TOKENS) | st.text(max_size=5))
    return text[:start] + piece + text[end:]


numbers = mostly(st.integers(-2, 200), json_values)
texts = mostly(st.text("ABCabc019-_=+/", max_size=60) | st.text(), json_values)
ids = mostly(st.uuids().map(str) | st.just(str((ADA.int << 16) + 1)), json_values)
statuses = mostly(st.lists(st.sampled_from(["ACTIVE", "active", "PENDING"])), json_values)
variables = st.fixed_dictionaries(
    {"a": numbers, "i": ids, "s": statuses}, optional={"b": texts, "c": numbers, "d": texts}
)
documents = mostly(
    st.sampled_from(OPERATIONS),
    damaged() | st.lists(st.sampled_from(TOKENS), max_size=30).map(" ".join) | st.text(),
)
requests = st.fixed_dictionaries(
    {
        "query": mostly(documents, json_values),
        "variables": mostly(variables, json_values),
        "operationName": mostly(st.sampled_from(["Q", None]), json_values),
    },
    optional={"extensions": mostly(st.dictionaries(st.text(), json_values), json_values)},
)


def dumped(value: object) -> bytes:
    """JSON as a careless client writes it: any integer, lone surrogates escaped."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value).encode()


def query_string(request: dict[str, Any]) -> bytes:
    """A request as a URL has it."""
    texts = {
        name: value if isinstance(value, str) else dumped(value).decode()
        for name, value in request.items()
    }
    return urlencode(texts, errors="surrogatepass").encode()


@st.composite
def cut(draw: st.DrawFn) -> bytes:
    """A request's JSON, cut off somewhere, with bytes behind it."""
    text = dumped(draw(requests))
    return text[: draw(st.integers(0, len(text)))] + draw(st.binary(max_size=4))


JSON = {b"content-type": b"application/json"}

content_types = (
    st.sampled_from([b"application/json; charset=utf-8", b"text/plain", b"\xff;=;;"]) | st.binary()
)
accepts = (
    st.sampled_from(
        [
            b"application/graphql-response+json, application/json;q=0.9",
            b"text/html, */*;q=0.1",
            b";q=;,,/;q=1e999",
        ]
    )
    | st.binary()
)
headers = st.fixed_dictionaries(
    {b"content-type": mostly(st.just(b"application/json"), content_types), b"accept": accepts},
    optional={
        b"content-length": st.binary() | st.integers().map(lambda n: str(n).encode()),
        b"origin": st.binary(),
        b"x-request-id": st.binary(),
    },
)


class Served:
    """The app under one event loop, fed with raw ASGI."""

    def __init__(self) -> None:
        self.wire = Wire(WireSettings(mutations_per_second=1_000_000))
        self.wire.connect(ADA, 1)
        self.runner = asyncio.Runner()

    def ask(
        self, method: str, headers: dict[bytes, bytes], body: bytes = b"", query: bytes = b""
    ) -> tuple[int, bytes]:
        """The status and the body of the answer."""
        return self.runner.run(self._ask(method, headers, body, query))

    async def _ask(
        self, method: str, headers: dict[bytes, bytes], body: bytes, query: bytes
    ) -> tuple[int, bytes]:
        authorized = {**headers, b"authorization": f"Bearer {ADA}".encode()}
        half = len(body) // 2
        incoming: list[Message] = [
            {"type": "http.request", "body": body[:half], "more_body": True},
            {"type": "http.request", "body": body[half:], "more_body": False},
        ]
        outgoing: list[Message] = []

        async def receive() -> Message:
            return incoming.pop(0) if incoming else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            outgoing.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": "/graphql",
            "query_string": query,
            "headers": list(authorized.items()),
        }
        await self.wire.app(scope, receive, send)
        assert len(asyncio.all_tasks()) == 1
        return outgoing[0]["status"], b"".join(m.get("body", b"") for m in outgoing[1:])


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    served = Served()
    with served.runner:
        yield served


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nobody else logs a warning either; asyncio would, of an exception that nobody retrieved."""
    with caplog.at_level(logging.WARNING):
        yield
    assert caplog.get_records("call") == []  # `records` are those of the teardown by now


def check(served: Served, method: str, headers: dict[bytes, bytes], **sent: bytes) -> None:
    """One request, and a good one after it."""
    with structlog.testing.capture_logs() as logs:
        status, body = served.ask(method, headers, **sent)
        assert served.ask("POST", JSON, GOOD) == (200, b'{"data":{"__typename":"Query"}}')
    assert status in {200, 400, 405, 413, 415}
    answer = orjson.loads(body)
    assert answer
    assert set(answer) <= {"data", "errors"}
    for error in answer.get("errors", ()):
        assert error["extensions"]["code"] != "INTERNAL_SERVER_ERROR"
    assert [entry["event"] for entry in logs] == ["operation", "operation"]


GOOD = b'{"query":"{__typename}"}'


@settings(fuzzing, max_examples=2_000)
@given(request=requests)
def test_any_request_gets_an_answer(served: Served, request: dict[str, Any]) -> None:
    check(served, "POST", JSON, body=dumped(request))


@settings(fuzzing, max_examples=500)
@given(body=st.binary() | json_values.map(dumped) | cut())
def test_any_body_gets_an_answer(served: Served, body: bytes) -> None:
    check(served, "POST", JSON, body=body)


@settings(fuzzing, max_examples=300)
@given(headers=headers, body=requests.map(dumped))
def test_any_headers_get_an_answer(
    served: Served, headers: dict[bytes, bytes], body: bytes
) -> None:
    check(served, "POST", headers, body=body)


@settings(fuzzing, max_examples=300)
@given(query=mostly(requests.map(query_string), st.binary()))
def test_any_query_string_gets_an_answer(served: Served, query: bytes) -> None:
    check(served, "GET", {}, query=query)
