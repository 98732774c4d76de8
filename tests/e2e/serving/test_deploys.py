"""A deploy: SIGTERM under load, with hundreds of sockets and streams open."""

import asyncio
import itertools
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from tests.support.network.raw_http import RawResponse, event_data, raw_response
from tests.support.network.raw_socket import Closed, Json, RawSocket, raw_socket
from tests.support.processes import Server, bearer, connection_line, unplug

USERS = [UUID(int=n) for n in range(1, 11)]
CONNECTIONS = 40
SOCKETS, STREAMS = 50, 5  # of each user
TOKENS = {user: bearer(user) for user in USERS}

FOLLOW = """subscription ($after: String) {
  providerEvents(after: $after) { position cursor attemptId __typename }
}"""
STREAM = "subscription { providerEvents { position cursor attemptId __typename } }"
DISCONNECT = """mutation ($id: ID!) {
  disconnectProvider(input: {connectionId: $id}) {
    __typename ... on DisconnectProviderSuccess { attemptId }
  }
}"""
START = "{ eventCursor }"
LOG = """query ($after: String) {
  providerEvents(first: 100, after: $after) {
    edges { node { position attemptId __typename } } pageInfo { endCursor hasNextPage }
  }
}"""


def connection_id(user: UUID, number: int) -> UUID:
    return UUID(int=(user.int << 32) + number)


class Subscriber:
    """One user's events as one socket got them, over its reconnects."""

    def __init__(self, user: UUID, start: str) -> None:
        self.user = user
        self.cursor = start
        self.positions: list[int] = []

    async def follow(self, socket: RawSocket, until: int | None = None) -> Closed | None:
        """Reads to a position, or until the socket is closed."""
        try:
            while until is None or self.positions[-1:] != [until]:
                event = (await socket.receive())["payload"]["data"]["providerEvents"]
                self.positions.append(event["position"])
                self.cursor = event["cursor"]
        except Closed as closed:
            return closed
        return None

    async def subscribe(self, socket: RawSocket) -> None:
        await socket.init(TOKENS[self.user])
        socket.subscribe(FOLLOW, after=self.cursor)


class Load:
    """Mutations one after another, over HTTP and over WebSocket, until the server is gone."""

    def __init__(self, server: Server) -> None:
        self.answered: dict[UUID, set[str]] = {user: set() for user in USERS}
        self._server = server
        self._targets = itertools.product(range(CONNECTIONS), USERS)

    async def over_http(self) -> None:
        async with httpx.AsyncClient() as client:
            for number, user in self._targets:
                body = {"query": DISCONNECT, "variables": {"id": str(connection_id(user, number))}}
                headers = {"authorization": f"Bearer {TOKENS[user]}"}
                try:
                    answer = await client.post(self._server.graphql, json=body, headers=headers)
                except httpx.TransportError:
                    return
                self._note(user, answer.json())

    async def over_websocket(self, user: UUID) -> None:
        async with raw_socket(_port(self._server)) as socket:
            await socket.init(TOKENS[user])
            closed = None
            for number in itertools.count():
                id_ = str(connection_id(user, number % CONNECTIONS))
                socket.subscribe(DISCONNECT, str(number), id=id_)
                try:
                    self._note(user, (await socket.receive())["payload"])
                    assert (await socket.receive())["type"] == "complete"
                except Closed as end:
                    closed = end
                    break
            assert closed == Closed(1012, "Service restart")

    def _note(self, user: UUID, result: Json) -> None:
        assert result["data"]["disconnectProvider"]["__typename"] == "DisconnectProviderSuccess"
        self.answered[user].add(result["data"]["disconnectProvider"]["attemptId"])


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    lines = [connection_line(u, connection_id(u, n)) for u in USERS for n in range(CONNECTIONS)]
    assert unplug("import", "-", cwd=tmp_path, stdin="".join(lines)).returncode == 0
    limits = {"MAX_MUTATIONS_PER_SECOND": "100000", "MAX_ROWS_PER_SECOND": "100000"}
    with Server(tmp_path, **limits) as server:
        yield server


async def test_a_deploy_under_load_loses_nothing_and_takes_no_time(server: Server) -> None:
    start = {user: await query(server, user, START) for user in USERS}
    subscribers = [Subscriber(u, start[u]["eventCursor"]) for u in USERS for _ in range(SOCKETS)]
    async with AsyncExitStack() as stack:
        following = []
        for subscriber in subscribers:
            socket = await stack.enter_async_context(raw_socket(_port(server)))
            await subscriber.subscribe(socket)
            following.append(asyncio.create_task(subscriber.follow(socket)))
        streams = [
            await stack.enter_async_context(
                raw_response(_port(server), TOKENS[user], "text/event-stream", STREAM)
            )
            for user in USERS
            for _ in range(STREAMS)
        ]
        load = Load(server)
        running = [asyncio.create_task(load.over_http()) for _ in range(8)]
        running += [asyncio.create_task(load.over_websocket(user)) for user in USERS[:4]]
        reading = [asyncio.create_task(response.to_the_end()) for response in streams]
        await some_were_answered(load)

        began = time.monotonic()
        server.signal(signal.SIGTERM)
        assert await asyncio.to_thread(server.wait) == 0
        assert time.monotonic() - began < 5

        await asyncio.gather(*running)
        closed = await asyncio.gather(*following)
        assert {end.code for end in closed if end} == {1012}
        for response, body in zip(streams, await asyncio.gather(*reading), strict=True):
            check_stream(response, body)
    server.start()
    logs = {user: await log_of(server, user) for user in USERS}
    for user in USERS:
        check_log(logs[user], load.answered[user])
    for subscriber in subscribers:
        async with raw_socket(_port(server)) as socket:
            await subscriber.subscribe(socket)
            await subscriber.follow(socket, until=len(logs[subscriber.user]))
        assert subscriber.positions == list(range(1, len(logs[subscriber.user]) + 1))


async def some_were_answered(load: Load) -> None:
    async with asyncio.timeout(20):
        while sum(len(answered) for answered in load.answered.values()) < 50:  # noqa: ASYNC110 (counts)
            await asyncio.sleep(0.01)


def check_stream(response: RawResponse, body: bytes) -> None:
    """It ended as one does whose client shall come back, in the middle of nothing."""
    assert response.complete
    assert b"event: complete" not in body
    assert body.endswith(b"\n\n")
    positions = [data["data"]["providerEvents"]["position"] for data in event_data(body)]
    assert positions == list(range(positions[0], positions[0] + len(positions)))


def check_log(log: list[Json], answered: set[str]) -> None:
    """All commands that had begun were finished: none was interrupted."""
    assert [event["position"] for event in log] == list(range(1, len(log) + 1))
    attempted = [e["attemptId"] for e in log if e["__typename"].endswith("Attempted")]
    succeeded = [e["attemptId"] for e in log if e["__typename"].endswith("Succeeded")]
    assert sorted(attempted) == sorted(succeeded)
    assert len(log) == 2 * len(attempted)
    assert answered <= set(succeeded)


async def log_of(server: Server, user: UUID) -> list[Json]:
    events, after = [], None
    while True:
        page = (await query(server, user, LOG, after=after))["providerEvents"]
        events += [edge["node"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            return events
        after = page["pageInfo"]["endCursor"]


async def query(server: Server, user: UUID, text: str, **variables: object) -> Json:
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {TOKENS[user]}"}) as client:
        body = {"query": text, "variables": variables}
        return (await client.post(server.graphql, json=body)).json()["data"]


def _port(server: Server) -> int:
    return int(server.url.rpartition(":")[2])
