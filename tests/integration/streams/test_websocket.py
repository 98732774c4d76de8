"""`graphql-transport-ws` from a raw socket: close codes, refusals, limits."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from domain.identifiers import UserId
from domain.ports import AccessToken
from schema.asgi import ConnectionLimits, WireSettings
from schema.websocket.operations import SocketLimits
from tests.support.network.listening import Listening, listening
from tests.support.network.raw_socket import BINARY, TEXT, Json, raw_socket
from tests.support.woken import eventually
from tests.unit.schema.wire import ADA, BOB, NamedTokens, RecordedAccess, UnverifiableTokens, Wire

EVENTS = "subscription ($after: String) { providerEvents(after: $after) { position __typename } }"
DISCONNECT = """mutation ($id: ID!) {
  disconnectProvider(input: {connectionId: $id}) { __typename }
}"""


def init(token: object) -> Json:
    return {"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}


INIT = init(ADA)

MALFORMED: list[Json] = [
    b"{",
    b"",
    b"[1]",
    b'"x"',
    b"5",
    b"null",
    b'{"type":"connection_init","payload":NaN}',
    b'{"type":"\\ud800"}',
    b"[" * 60_000,
    {},
    {"type": 5},
    {"type": "start"},
    {"type": ["subscribe"]},
    {"type": "connection_ack"},
    {"type": "next", "id": "1", "payload": {}},
    {"type": "connection_init", "payload": "x"},
    {"type": "ping", "payload": [1]},
    b'{"type":"ping","payload":' + b'{"a":' * 300 + b"1" + b"}" * 301,
    {"type": "pong", "payload": 5},
    {"type": "complete"},
    {"type": "complete", "id": 5},
    {"type": "complete", "id": ""},
    {"type": "complete", "id": "x" * 257},
    {"type": "subscribe", "payload": {"query": "{ __typename }"}},
    {"type": "subscribe", "id": ["1"], "payload": {"query": "{ __typename }"}},
    {"type": "subscribe", "id": "1"},
    {"type": "subscribe", "id": "1", "payload": "{ __typename }"},
    {"type": "subscribe", "id": "1", "payload": {}},
    {"type": "subscribe", "id": "1", "payload": {"query": 5}},
    {"type": "subscribe", "id": "1", "payload": {"query": "{a}", "variables": [1]}},
    {"type": "subscribe", "id": "1", "payload": {"query": "{a}", "operationName": 5}},
    {"type": "subscribe", "id": "1", "payload": {"query": "{a}", "extensions": "x"}},
]


@dataclass(frozen=True)
class Served:
    wire: Wire
    where: Listening

    @property
    def port(self) -> int:
        return self.where.port


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    settings = WireSettings(
        connections=ConnectionLimits(sockets=8, sockets_per_user=5),
        sockets=SocketLimits(operations=3, messages_per_second=20, init_seconds=0.2),
        allowed_origins=frozenset({"https://app.test"}),
    )
    wire = Wire(settings)
    async with listening(wire.app) as where:
        yield Served(wire, where)


async def test_a_subscription_yields_what_a_mutation_on_the_same_socket_does(
    served: Served,
) -> None:
    connection = served.wire.connect(ADA, 1)
    async with raw_socket(served.port) as socket:
        assert socket.status == 101
        assert "sec-websocket-protocol: graphql-transport-ws" in socket.head.lower()
        await socket.init(ADA)
        socket.subscribe(EVENTS, "events")
        socket.subscribe(DISCONNECT, "go", id=str(connection.id))
        messages = [await socket.receive() for _ in range(4)]
    events = [m["payload"]["data"]["providerEvents"] for m in messages if m["id"] == "events"]
    assert events == [
        {"position": 1, "__typename": "ProviderDisconnectionAttempted"},
        {"position": 2, "__typename": "ProviderDisconnectionSucceeded"},
    ]
    success = {"data": {"disconnectProvider": {"__typename": "DisconnectProviderSuccess"}}}
    assert [m for m in messages if m["id"] == "go"] == [
        {"id": "go", "type": "next", "payload": success},
        {"id": "go", "type": "complete"},
    ]


async def test_every_malformed_message_closes_with_4400(served: Served) -> None:
    for message, initialised in itertools.product(MALFORMED, (False, True)):
        async with raw_socket(served.port) as socket:
            if initialised:
                await socket.init(ADA)
            socket.send(message)
            code, reason = await socket.closed()
        assert (message, code) == (message, 4400)
        assert reason


async def test_a_binary_message_closes_with_4400(served: Served) -> None:
    async with raw_socket(served.port) as socket:
        socket.frame(BINARY, json.dumps(INIT).encode())
        assert await socket.closed() == (4400, "A message is text")


async def test_extensions_are_accepted(served: Served) -> None:
    payload = {"query": "{ __typename }", "extensions": {"a": 1}, "variables": None}
    async with raw_socket(served.port) as socket:
        await socket.init(ADA)
        socket.send({"id": "1", "type": "subscribe", "payload": payload})
        assert (await socket.receive())["payload"] == {"data": {"__typename": "Query"}}


async def test_subscribing_before_the_acknowledgement_closes_with_4401(served: Served) -> None:
    async with raw_socket(served.port) as socket:
        socket.subscribe(EVENTS)
        assert await socket.closed() == (4401, "Unauthorized")


@pytest.mark.parametrize(
    "payload",
    [None, {}, {"authorization": None}, {"authorization": 5}, {"authorization": "Bearer"},
     {"authorization": f"Basic {ADA}"}, {"authorization": "Bearer nonsense"}],
)  # fmt: skip
async def test_no_valid_token_closes_with_4403(served: Served, payload: Json) -> None:
    async with raw_socket(served.port) as socket:
        socket.send({"type": "connection_init", "payload": payload})
        assert await socket.closed() == (4403, "Forbidden")


@pytest.mark.parametrize("name", ["authorization", "Authorization", "AUTHORIZATION"])
async def test_the_token_has_a_name_in_any_letter_case(served: Served, name: str) -> None:
    async with raw_socket(served.port) as socket:
        payload = {"x": 1, name: f"Bearer {ADA}"}
        socket.send({"type": "connection_init", "payload": payload})
        assert await socket.receive() == {"type": "connection_ack"}


@pytest.mark.parametrize("offered", ["", "graphql-ws", "graphql-ws, other"])
async def test_another_protocol_closes_with_4406(served: Served, offered: str) -> None:
    async with raw_socket(served.port, sec_websocket_protocol=offered) as socket:
        assert await socket.closed() == (4406, "Subprotocol not acceptable")


async def test_silence_closes_with_4408(served: Served) -> None:
    async with raw_socket(served.port) as socket:
        socket.send({"type": "ping"})
        assert await socket.receive() == {"type": "pong"}
        assert await socket.closed() == (4408, "Connection initialisation timeout")


async def test_an_id_that_is_in_use_closes_with_4409(served: Served) -> None:
    async with raw_socket(served.port) as socket:
        await socket.init(ADA)
        socket.subscribe(EVENTS, "a" * 256)
        socket.subscribe(EVENTS, "a" * 256)
        assert await socket.closed() == (4409, f"Subscriber for {'a' * 80} already exists")


@pytest.mark.parametrize("lone", ["\\ud800", "\\uDFFF x", "\\ud800\\ud800\\udc00", "\\\\\\ud800"])
async def test_a_lone_surrogate_refuses_one_operation_only(served: Served, lone: str) -> None:
    payload = f'{{"query":"{{ __typename }}","variables":{{"x":"{lone}"}}}}'
    async with raw_socket(served.port) as socket:
        await socket.init(ADA)
        socket.send(f'{{"type":"subscribe","id":"1","payload":{payload}}}')
        message = await socket.receive()
        assert (message["id"], message["type"]) == ("1", "error")
        assert message["payload"][0]["extensions"] == {"code": "BAD_USER_INPUT"}
        socket.send(f'{{"type":"ping","payload":{{"x":"{lone}"}}}}')
        assert (await socket.receive())["type"] == "pong"
        socket.subscribe("{ __typename }", x="😀", y="\\ud800")
        assert (await socket.receive())["type"] == "next"


async def test_an_id_with_a_lone_surrogate_closes_with_4400(served: Served) -> None:
    async with raw_socket(served.port) as socket:
        await socket.init(ADA)
        socket.send('{"type":"subscribe","id":"\\ud800","payload":{"query":"{ __typename }"}}')
        assert await socket.closed() == (4400, "`id` is not valid Unicode")


async def test_a_persisted_query_is_refused_in_the_words_that_clients_know(
    served: Served,
) -> None:
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}
    async with raw_socket(served.port) as socket:
        await socket.init(ADA)
        socket.send({"type": "subscribe", "id": "1", "payload": {"extensions": extensions}})
        message = await socket.receive()
        assert (message["id"], message["type"]) == ("1", "error")
        assert message["payload"] == [
            {
                "message": "PersistedQueryNotSupported",
                "extensions": {"code": "PERSISTED_QUERY_NOT_SUPPORTED"},
            }
        ]


async def test_a_mutation_whose_client_does_not_stay_is_run_to_its_end(served: Served) -> None:
    ended, left = served.wire.connect(ADA, 1), served.wire.connect(ADA, 2)
    async with raw_socket(served.port) as socket:
        await socket.init(ADA)
        socket.subscribe(DISCONNECT, "go", id=str(ended.id))
        socket.send({"type": "complete", "id": "go"}, {"type": "ping"})
        assert await socket.receive() == {"type": "pong"}
        await eventually(lambda: served.wire.telemetry.commands == ["success"])
        socket.subscribe(DISCONNECT, "go", id=str(left.id))
        socket.writer.close()
    await eventually(lambda: served.wire.telemetry.commands == ["success"] * 2)


async def test_an_id_may_be_used_again_when_its_operation_has_ended(served: Served) -> None:
    async with raw_socket(served.port) as socket:
        await socket.init(ADA)
        for _ in range(2):
            socket.subscribe("{ __typename }")
            assert (await socket.receive())["type"] == "next"
            assert await socket.receive() == {"id": "1", "type": "complete"}
        socket.subscribe(EVENTS)
        socket.send({"id": "1", "type": "complete"}, {"id": "unknown", "type": "complete"})
        socket.subscribe("{ __typename }")
        assert (await socket.receive())["type"] == "next"


async def test_a_second_initialisation_closes_with_4429(served: Served) -> None:
    async with raw_socket(served.port) as socket:
        await socket.init(ADA)
        socket.send(INIT)
        assert await socket.closed() == (4429, "Too many initialisation requests")


async def test_pings_are_answered_with_their_payload(served: Served) -> None:
    async with raw_socket(served.port) as socket:
        socket.send({"type": "ping"}, {"type": "ping", "payload": {"a": [1]}}, {"type": "pong"})
        assert await socket.receive() == {"type": "pong"}
        assert await socket.receive() == {"type": "pong", "payload": {"a": [1]}}


async def test_a_message_that_is_too_big_closes_with_1009(served: Served) -> None:
    async with raw_socket(served.port) as socket:
        await socket.init(ADA)
        socket.send({"type": "ping", "payload": {"x": "x" * 60_000}})
        assert (await socket.receive())["type"] == "pong"
        socket.send({"type": "ping", "payload": {"x": "x" * 70_000}})
        code, _ = await socket.closed()
        assert code == 1009
    assert served.wire.telemetry.limits == ["message_size"]


async def test_a_message_in_fragments_is_too_big_as_a_whole(served: Served) -> None:
    async with raw_socket(served.port) as socket:
        socket.frame(TEXT, b" " * 40_000, fin=False)
        socket.frame(0, b" " * 40_000)
        code, _ = await socket.closed()
        assert code == 1009


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { a: providerEvents { id } b: providerEvents { id } }",
         "GRAPHQL_VALIDATION_FAILED"),
        ('subscription { providerEvents(after: "x") { id } }', "INVALID_CURSOR"),
        ('subscription { providerEvents(connectionId: "x") { id } }', "BAD_USER_INPUT"),
        ("subscription ($x: Boolean!) { providerEvents { id @skip(if: $x) } }", "BAD_USER_INPUT"),
        ("query ($x: Int!) { connectedProviders(first: $x) { edges { cursor } } }",
         "BAD_USER_INPUT"),
        ("{" + "a" * 2_000 + " a" * 2_000 + "}", "TOO_COMPLEX"),
    ],
)  # fmt: skip
async def test_a_refused_operation_ends_with_an_error_message(
    served: Served, query: str, code: str
) -> None:
    async with raw_socket(served.port) as socket:
        await socket.init(ADA)
        socket.subscribe(query)
        message = await socket.receive()
        assert (message["id"], message["type"]) == ("1", "error")
        assert message["payload"][0]["extensions"]["code"] == code
        socket.subscribe("{ __typename }")
        assert (await socket.receive())["type"] == "next"


async def test_operations_per_socket_are_limited(served: Served) -> None:
    async with raw_socket(served.port) as socket:
        await socket.init(ADA)
        for number in range(4):
            socket.subscribe(EVENTS, str(number))
        message = await socket.receive()
        assert (message["id"], message["type"]) == ("3", "error")
        assert message["payload"][0]["extensions"]["code"] == "TOO_MANY_SUBSCRIPTIONS"
        socket.send({"id": "0", "type": "complete"})
        socket.subscribe(EVENTS, "3")
        socket.send({"type": "ping"})
        assert await socket.receive() == {"type": "pong"}
    assert served.wire.telemetry.limits == ["subscriptions"]


async def test_messages_per_second_are_limited(served: Served) -> None:
    async with raw_socket(served.port) as socket:
        for _ in range(60):
            socket.send({"type": "pong"})
        assert await socket.closed() == (1013, "Too many messages")
    assert served.wire.telemetry.limits == ["messages"]


async def test_sockets_are_limited_per_user_and_per_process(served: Served) -> None:
    async with AsyncExitStack() as stack:
        for user, count in ((ADA, 5), (BOB, 3)):
            for _ in range(count):
                socket = await stack.enter_async_context(raw_socket(served.port))
                await socket.init(user)
        full = await stack.enter_async_context(raw_socket(served.port))
        full.send(init(BOB))
        assert await full.closed() == (1013, "Too many sockets")
    assert served.wire.telemetry.limits == ["sockets"]
    async with AsyncExitStack() as stack:
        for _ in range(5):
            socket = await stack.enter_async_context(raw_socket(served.port))
            await socket.init(ADA)
        sixth = await stack.enter_async_context(raw_socket(served.port))
        sixth.send(INIT)
        assert await sixth.closed() == (1013, "Too many sockets")
        other = await stack.enter_async_context(raw_socket(served.port))
        await other.init(BOB)
    assert served.wire.telemetry.limits == ["sockets", "sockets_per_user"]


async def test_silent_sockets_hold_no_place(served: Served) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(10):
            await stack.enter_async_context(raw_socket(served.port))
        socket = await stack.enter_async_context(raw_socket(served.port))
        await socket.init(ADA)


async def test_the_socket_that_waited_longest_for_its_token_goes_first() -> None:
    limits = ConnectionLimits(unauthenticated=3)
    wire = Wire(WireSettings(connections=limits))
    async with listening(wire.app) as where, AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(raw_socket(where.port)) for _ in range(5)]
        for displaced in sockets[:2]:
            assert await displaced.closed() == (1013, "Too many sockets")
        for socket in sockets[2:]:
            await socket.init(ADA)
    assert wire.telemetry.limits == ["unauthenticated_sockets"] * 2


async def test_a_token_that_can_not_be_verified_now_is_to_be_sent_again() -> None:
    log = RecordedAccess()
    wire = Wire(tokens=UnverifiableTokens(), access_log=log)
    async with listening(wire.app) as where, raw_socket(where.port) as socket:
        socket.send(init(ADA))
        assert await socket.closed() == (1013, "Try again later")
    assert log.outcomes == [("websocket", "SERVICE_UNAVAILABLE")]


async def test_a_socket_that_is_refused_has_a_line_in_the_access_log() -> None:
    log = RecordedAccess()
    settings = WireSettings(
        connections=ConnectionLimits(sockets_per_user=1),
        sockets=SocketLimits(init_seconds=0.2),
    )
    wire = Wire(settings, access_log=log)
    async with listening(wire.app) as where:
        async with raw_socket(where.port, origin="https://evil.test") as socket:
            assert socket.status == 403
        async with raw_socket(where.port) as socket:
            socket.send(init("nonsense"))
            assert await socket.closed() == (4403, "Forbidden")
        async with raw_socket(where.port) as socket:
            assert await socket.closed() == (4408, "Connection initialisation timeout")
        async with raw_socket(where.port) as first, raw_socket(where.port) as second:
            await first.init(ADA)
            second.send(init(ADA))
            assert await second.closed() == (1013, "Too many sockets")
        await eventually(lambda: len(log.outcomes) == 4)
    assert log.outcomes == [
        ("websocket", "FORBIDDEN"),
        ("websocket", "UNAUTHENTICATED"),
        ("websocket", "UNAUTHENTICATED"),
        ("websocket", "TOO_MANY_SUBSCRIPTIONS"),
    ]
    assert log.callers == [None, None, None, ADA]


async def test_a_user_follows_a_limited_number_of_selections() -> None:
    limits = ConnectionLimits(selections_per_user=2)
    wire = Wire(WireSettings(connections=limits))
    selections = [f"subscription {{ providerEvents {{ {name} }} }}" for name in ("id", "cursor")]
    third = "subscription { providerEvents { position } }"
    async with (
        listening(wire.app) as where,
        raw_socket(where.port) as socket,
        raw_socket(where.port) as other,
    ):
        await socket.init(ADA)
        await other.init(ADA)
        for number, query in enumerate([*selections, *selections]):
            socket.subscribe(query, str(number))
        other.subscribe(third, "third")
        refused = await other.receive()
        assert (refused["type"], refused["id"]) == ("error", "third")
        assert refused["payload"][0]["extensions"] == {
            "code": "TOO_MANY_SUBSCRIPTIONS",
            "limit": "selections",
        }
        for number in (0, 2):
            socket.send({"id": str(number), "type": "complete"})
        await eventually(lambda: wire.telemetry.subscriptions["websocket"] == 2)
        other.subscribe(third, "third")
        await eventually(lambda: wire.telemetry.subscriptions["websocket"] == 3)
    assert wire.telemetry.limits == ["selections"]


async def test_compression_is_not_agreed_on(served: Served) -> None:
    offer = "permessage-deflate; client_max_window_bits"
    async with raw_socket(served.port, sec_websocket_extensions=offer) as socket:
        assert socket.status == 101
        assert "extensions" not in socket.head.lower()


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://unplug.test", 101), ("https://app.test", 101), ("https://evil.test", 403),
     ("null", 403), ("", 101)],
)  # fmt: skip
async def test_only_pages_of_allowed_origins_get_a_socket(
    served: Served, origin: str, status: int
) -> None:
    async with raw_socket(served.port, origin=origin) as socket:
        assert socket.status == status


async def test_a_socket_ends_with_its_token() -> None:
    class ShortTokens(NamedTokens):
        async def verify(self, token: str) -> AccessToken[UserId] | None:  # noqa: ARG002 (port)
            expires_at = datetime.now(UTC) + timedelta(seconds=0.3)
            return AccessToken(caller=ADA, expires_at=expires_at)

    wire = Wire(tokens=ShortTokens())
    connection = wire.connect(ADA, 1)
    async with listening(wire.app) as where, raw_socket(where.port) as socket:
        began = asyncio.get_running_loop().time()
        await socket.init("any")
        socket.subscribe(EVENTS)
        socket.subscribe(DISCONNECT, "go", id=str(connection.id))
        for _ in range(4):
            await socket.receive()
        assert await socket.closed() == (4403, "Token expired")
        assert 0.29 <= asyncio.get_running_loop().time() - began < 1  # timers round to milliseconds


async def test_a_log_that_can_not_be_read_for_long_closes_with_1013(served: Served) -> None:
    connection = served.wire.connect(ADA, 1)
    async with raw_socket(served.port) as socket:
        await socket.init(ADA)
        socket.subscribe(EVENTS)
        socket.send({"type": "ping"})
        assert await socket.receive() == {"type": "pong"}
        served.wire.world.at("read", served.wire.world.fail)
        socket.subscribe(DISCONNECT, "go", id=str(connection.id))
        assert await socket.closed() == (1013, "Try again later")


async def test_all_sockets_end_with_1012_when_the_server_drains(served: Served) -> None:
    connection = served.wire.connect(ADA, 1)
    async with raw_socket(served.port) as idle, raw_socket(served.port) as busy:
        await idle.init(BOB)
        await busy.init(ADA)
        attempted = asyncio.Event()

        async def hold() -> None:
            attempted.set()
            await served.wire.world.hang()

        served.wire.world.at("succeeded", hold)
        busy.subscribe(DISCONNECT, "go", id=str(connection.id))
        await attempted.wait()
        ended = asyncio.create_task(served.wire.app.drain())
        assert await idle.closed() == (1012, "Service restart")
        assert not ended.done()
        await served.wire.world.heal()
        assert (await busy.receive())["type"] == "next"
        assert (await busy.receive())["type"] == "complete"
        assert await busy.closed() == (1012, "Service restart")
        await asyncio.wait_for(ended, 5)
    async with raw_socket(served.port) as late:
        assert await late.closed() == (1012, "Service restart")
