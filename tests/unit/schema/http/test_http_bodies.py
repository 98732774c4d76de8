"""Bodies that are no request, too long, or late: 400, 413 or 408 in GraphQL's form."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest

from schema.asgi import WireSettings
from schema.http.request_reader import HttpLimits
from tests.unit.schema.wire import Wire, codes

TYPENAME = {"query": "{ __typename }"}
RESPONSE = "application/graphql-response+json"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"5", 400),
        (b'"x"', 400),
        (b"null", 400),
        (b"true", 400),
        (b'{"query": "{ __typename }", "query": 5}', 400),
        (b'{"query": "\xff"}', 400),
        (b'{"query": "\\ud800"}', 400),
        (b'{"query": NaN}', 400),
        (b"[" * 200_000, 400),
        (b'{"query": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", 400),
        (gzip.compress(b'{"query": "{ __typename }"}', mtime=0), 400),
        (b" " * (1 << 20) + b'{"query": "{ __typename }"}', 413),
    ],
)
async def test_a_body_that_is_no_request_is_refused_in_graphqls_form(
    body: bytes, status: int
) -> None:
    async with Wire().client() as client:
        answer = await client.send(body)
        assert answer.status_code == status
        assert codes(answer) == ["TOO_COMPLEX" if status == 413 else "BAD_USER_INPUT"]
        assert "data" not in answer.json()
        assert (await client.send(TYPENAME)).json() == {"data": {"__typename": "Query"}}


async def test_a_stream_that_says_no_length_is_cut_at_the_limit() -> None:
    wire, sent = Wire(), 0

    async def long() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100:
            sent += 1
            yield b" " * 65_536

    async with wire.client() as client:
        answer = await client.http.post(
            "/graphql", content=long(), headers={"content-type": "application/json"}
        )
    assert answer.status_code == 413
    assert answer.json()["errors"][0]["extensions"] == {"code": "TOO_COMPLEX", "limit": "body"}
    assert answer.headers["connection"] == "close"
    assert sent == 17
    assert wire.telemetry.limits == ["body"]


async def test_a_length_above_the_limit_is_enough_to_refuse_unread() -> None:
    unread = asyncio.Event()

    async def never() -> AsyncIterator[bytes]:
        unread.set()
        yield b"x"

    async with Wire().client() as client:
        for length in ("1048577", "9" * 5_000):
            answer = await client.http.post(
                "/graphql",
                content=never(),
                headers={"content-type": "application/json", "content-length": length},
            )
            assert answer.status_code == 413
    assert not unread.is_set()


async def test_a_body_that_does_not_come_is_given_up() -> None:
    wire = Wire(WireSettings(http=HttpLimits(body_timeout=0.05)))

    async def stuck() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with wire.client() as client:
        answer = await client.http.post(
            "/graphql", content=stuck(), headers={"content-type": "application/json"}
        )
    assert answer.status_code == 408
    assert codes(answer) == ["BAD_USER_INPUT"]
    assert answer.headers["connection"] == "close"


async def test_a_persisted_query_is_refused_in_the_words_that_clients_know() -> None:
    """Apollo's and urql's links send the whole document then."""
    persisted = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}}
    async with Wire().client() as client:
        for accept, status in (("application/json", 200), (None, 200), (RESPONSE, 400)):
            answer = await client.send(persisted, **({"accept": accept} if accept else {}))
            assert answer.status_code == status
            assert answer.json() == {
                "errors": [
                    {
                        "message": "PersistedQueryNotSupported",
                        "extensions": {"code": "PERSISTED_QUERY_NOT_SUPPORTED"},
                    }
                ]
            }
            both = await client.send(persisted | TYPENAME)
            assert both.json() == {"data": {"__typename": "Query"}}


async def test_batching_is_off_and_says_so() -> None:
    async with Wire().client() as client:
        answer = await client.send([TYPENAME, TYPENAME])
    assert answer.status_code == 400
    assert "Batching is off" in answer.json()["errors"][0]["message"]
