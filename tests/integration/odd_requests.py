"""Requests of all sorts for a fuzz test: good ones, damaged ones, and bytes."""

import json
from typing import Any, TypeVar
from urllib.parse import urlencode

import orjson
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.unit.schema.wire import ADA

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
