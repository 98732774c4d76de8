"""Server-sent events and multipart subscriptions, byte by byte."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from domain.identifiers import UserId
from domain.ports import AccessToken
from schema.asgi import ConnectionLimits, WireSettings
from tests.support.network.listening import listening
from tests.support.network.raw_http import event_data, parts, raw_response
from tests.support.woken import eventually
from tests.unit.schema.wire import ADA, BOB, Json, NamedTokens, Wire

SSE = "text/event-stream"
MULTIPART = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json"
EVENTS = "subscription { providerEvents { position cursor __typename } }"
DISCONNECT = """mutation ($id: ID!) {
  disconnectProvider(input: {connectionId: $id}) { __typename }
}"""
BOTH = pytest.mark.parametrize("accept", [SSE, MULTIPART])


class Served:
    """A wire that listens."""

    def __init__(self, wire: Wire, port: int) -> None:
        self.wire = wire
        self.port = port

    async def disconnect(self, user_id: UserId = ADA, number: int = 1) -> None:
        connection = self.wire.connect(user_id, number)
        mutation = (
            "mutation ($id: ID!) { disconnectProvider(input: {connectionId: $id}) { __typename } }"
        )
        async with self.wire.client(user_id) as client:
            await client.data(mutation, id=str(connection.id))

    async def subscribed(self, count: int) -> None:
        """Until so many subscriptions are open."""
        await eventually(lambda: self.wire.telemetry.subscriptions.total() == count)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    settings = WireSettings(
        connections=ConnectionLimits(sockets=3, sockets_per_user=2), heartbeat_seconds=0.1
    )
    wire = Wire(settings)
    async with listening(wire.app) as where:
        yield Served(wire, where.port)
        await eventually(lambda: wire.telemetry.subscriptions.total() == 0)
        assert len(wire.streams) == 0


def cursor(served: Served, position: int) -> str:
    return served.wire.world.logs[ADA][position - 1].cursor.encode()


@pytest.mark.parametrize("get", [False, True])
async def test_an_event_stream_tells_cursors_as_ids_from_the_start_on(
    served: Served, get: bool
) -> None:
    await served.disconnect()
    async with raw_response(served.port, ADA, SSE, EVENTS, get=get) as response:
        assert response.status == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["cache-control"] == "no-store"
        start = f"retry: 1000\nid: {cursor(served, 2)}\n\n".encode()
        assert await response.until(b"\n\n") == start
        await served.disconnect(number=2)
        body = await response.until(cursor(served, 4).encode() + b'","__typename')
    assert b"\r" not in body
    events = [event for event in body[len(start) :].split(b"\n\n") if event not in (b"", b":")]
    assert (
        events[0]
        == (
            f"event: next\nid: {cursor(served, 3)}\n"
            'data: {"data":{"providerEvents":{"position":3,'
            f'"cursor":"{cursor(served, 3)}","__typename":"ProviderDisconnectionAttempted"}}}}}}'
        ).encode()
    )
    assert events[1].startswith(f"event: next\nid: {cursor(served, 4)}\ndata: ".encode())


async def test_last_event_id_resumes_and_wins_over_after(served: Served) -> None:
    await served.disconnect()
    await served.disconnect(number=2)
    query = f'subscription {{ providerEvents(after: "{cursor(served, 1)}") {{ position }} }}'
    async with raw_response(
        served.port, ADA, SSE, query, last_event_id=cursor(served, 3)
    ) as response:
        body = await response.until(b'"position":4')
        assert body.startswith(f"retry: 1000\nid: {cursor(served, 3)}\n\n".encode())
    assert [data["data"]["providerEvents"]["position"] for data in event_data(body)] == [4]


async def test_a_last_event_id_that_can_not_be_honoured_is_refused(served: Served) -> None:
    async with raw_response(served.port, ADA, SSE, EVENTS, last_event_id="nonsense") as response:
        body = await response.to_the_end()
    assert code(event_data(body)[0]) == "INVALID_CURSOR"
    assert body.endswith(b"\n\nevent: complete\ndata: \n\n")


async def test_multipart_parts_end_with_a_delimiter_at_once(served: Served) -> None:
    async with raw_response(served.port, ADA, MULTIPART, EVENTS) as response:
        content_type = 'multipart/mixed; boundary="graphql"; subscriptionSpec=1.0'
        assert response.headers["content-type"] == content_type
        heartbeat = b"\r\ncontent-type: application/json\r\n\r\n{}\r\n--graphql"
        assert await response.until(b"{}\r\n--graphql") == b"\r\n--graphql" + heartbeat
        await served.disconnect()
        body = await response.until(b"Succeeded")
        assert body.endswith(b"\r\n--graphql")
    events = [part["payload"]["data"]["providerEvents"]["position"] for part in parts(body) if part]
    assert events == [1, 2]


@pytest.mark.parametrize(("accept", "beat"), [(SSE, b"\n\n:\n\n"), (MULTIPART, b"{}\r\n--")])
async def test_heartbeats_come_while_nothing_happens(
    served: Served, accept: str, beat: bytes
) -> None:
    async with raw_response(served.port, ADA, accept, EVENTS) as response:
        await response.chunk()
        for _ in range(3):
            assert (b"\n\n" + await response.chunk()).count(beat) == 1


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ('subscription { providerEvents(after: "x") { id } }', "INVALID_CURSOR"),
        ('subscription { providerEvents(connectionId: "x") { id } }', "BAD_USER_INPUT"),
    ],
)
async def test_a_refusal_is_a_next_and_a_complete(
    served: Served, query: str, expected: str
) -> None:
    async with raw_response(served.port, ADA, SSE, query) as response:
        body = await response.to_the_end()
    assert response.status == 200
    assert response.complete
    assert body.startswith(b'event: next\ndata: {"errors":[')
    assert body.endswith(b"\n\nevent: complete\ndata: \n\n")
    assert code(event_data(body)[0]) == expected


async def test_apollo_gets_a_refusal_as_json(served: Served) -> None:
    query = 'subscription { providerEvents(after: "x") { id } }'
    async with raw_response(served.port, ADA, MULTIPART, query) as response:
        body = await response.to_the_end()
    assert response.headers["content-type"].startswith("application/json")
    assert b"INVALID_CURSOR" in body


async def test_queries_and_mutations_are_one_next_and_a_complete(served: Served) -> None:
    connection = served.wire.connect(ADA, 1)
    mutation = (
        f'mutation {{ disconnectProvider(input: {{connectionId: "{connection.id}"}}) '
        "{ __typename } }"
    )
    for query, answer in (
        ("{ __typename }", b'{"data":{"__typename":"Query"}}'),
        (mutation, b'{"data":{"disconnectProvider":{"__typename":"DisconnectProviderSuccess"}}}'),
    ):
        async with raw_response(served.port, ADA, SSE, query) as response:
            body = await response.to_the_end()
        assert body == b"event: next\ndata: " + answer + b"\n\nevent: complete\ndata: \n\n"


async def test_a_query_that_takes_parts_only_is_one_part(served: Served) -> None:
    async with raw_response(served.port, ADA, "multipart/mixed", "{ __typename }") as response:
        body = await response.to_the_end()
    assert parts(body) == [{"data": {"__typename": "Query"}}]
    assert body.endswith(b"\r\n--graphql--\r\n")


@BOTH
async def test_a_stream_ends_with_its_token_and_says_so(accept: str) -> None:
    class ShortTokens(NamedTokens):
        async def verify(self, token: str) -> AccessToken[UserId] | None:  # noqa: ARG002 (port)
            return AccessToken(caller=ADA, expires_at=datetime.now(UTC) + timedelta(seconds=0.3))

    async with (
        listening(Wire(tokens=ShortTokens()).app) as where,
        raw_response(where.port, "any", accept, EVENTS) as response,
    ):
        body = await response.to_the_end()
    assert response.complete
    if accept == SSE:
        assert body.endswith(b"\n\nevent: complete\ndata: \n\n")
        assert code(event_data(body)[-1]) == "UNAUTHENTICATED"
    else:
        assert body.endswith(b"\r\n--graphql--\r\n")
        assert parts(body)[-1]["payload"] is None
        assert code(parts(body)[-1]) == "UNAUTHENTICATED"


@BOTH
async def test_a_stream_ends_without_a_last_word_when_the_server_drains(
    served: Served, accept: str
) -> None:
    async with raw_response(served.port, ADA, accept, EVENTS) as response:
        await response.chunk()
        ended = asyncio.create_task(served.wire.app.drain())
        body = await response.to_the_end()
        await asyncio.wait_for(ended, 5)
    assert response.complete
    assert b"complete" not in body
    assert b"--graphql--" not in body


@BOTH
async def test_a_log_that_can_not_be_read_for_long_ends_a_stream_without_a_last_word(
    served: Served, accept: str
) -> None:
    async with raw_response(served.port, ADA, accept, EVENTS) as response:
        await response.chunk()
        served.wire.world.at("read", served.wire.world.fail)
        await served.disconnect()
        body = await response.to_the_end()
    assert response.complete
    assert b"complete" not in body
    assert b"--graphql--" not in body


async def test_streams_are_limited_per_user_and_per_process(served: Served) -> None:
    async with (
        raw_response(served.port, ADA, SSE, EVENTS),
        raw_response(served.port, ADA, MULTIPART, EVENTS),
    ):
        await served.subscribed(2)
        async with raw_response(served.port, ADA, SSE, EVENTS) as third:
            assert code(event_data(await third.to_the_end())[0]) == "TOO_MANY_SUBSCRIPTIONS"
        async with raw_response(served.port, BOB, SSE, EVENTS):
            await served.subscribed(3)
            async with raw_response(served.port, BOB, SSE, EVENTS) as fourth:
                assert code(event_data(await fourth.to_the_end())[0]) == "TOO_MANY_SUBSCRIPTIONS"
    assert served.wire.telemetry.limits == ["sockets_per_user", "sockets"]


def code(result: Json) -> str:
    return str(result["errors"][0]["extensions"]["code"])
