"""The code of the guide for back ends, against a running server."""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import jwt
import pytest
from uuid_utils.compat import uuid7

from tests.clients import back_end
from tests.clients.back_end import Unplug, Worker
from tests.clients.rotating_provider import LONG_AGO, RotatingProvider
from tests.support.node import run
from tests.support.processes import SECRET, Server, connection_line, unplug

Json = dict[str, Any]
SCOPES = "connections:read connections:write connections:disconnect credentials:read"
TOKEN = jwt.encode(
    {"sub": "sync", "exp": 4_000_000_000, "aud": "unplug-service", "scope": SCOPES}, SECRET, "HS256"
)
USER, PROVIDER = UUID(int=7), UUID(int=5)
RECORD = """query Record($id: ID!) { node(id: $id) {
  __typename ... on ConnectionRecord { status credentialsVersion lastSyncAt } } }"""
DISCONNECT = """mutation Disconnect($input: ServiceDisconnectProviderInput!) {
  disconnectProvider(input: $input) { __typename } }"""


class LosesAnswers(httpx.AsyncBaseTransport):
    """The answers to the requests that have a text in them are lost, so many times."""

    def __init__(self, text: str, times: int) -> None:
        self._inner = httpx.AsyncHTTPTransport()
        self._text = text.encode()
        self.left = times

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        if self._text in request.content and self.left:
            self.left -= 1
            await response.aclose()
            raise httpx.ReadError("lost")
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class Locks:
    """A lock for each connection."""

    def __init__(self) -> None:
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def __call__(self, connection_id: str) -> asyncio.Lock:
        return self._locks[connection_id]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("back-ends"), SERVICE_ADDRESS="127.0.0.1:0") as server:
        yield server


@pytest.fixture
async def service(server: Server) -> AsyncIterator[Unplug]:
    async with httpx.AsyncClient() as http:
        yield Unplug(address(server), lambda: TOKEN, http)


def address(server: Server) -> str:
    (started,) = (line for line in server.log if line.get("event") == "started")
    return f"{started['service_address']}/graphql"


def flow() -> dict[str, str]:
    return {
        "attempt_id": str(uuid7()),
        "user_id": str(USER),
        "provider_id": str(PROVIDER),
        "provider_slug": "rotating",
    }


async def a_connection(service: Unplug, provider: RotatingProvider) -> str:
    return await back_end.connected(service, flow(), provider.tokens)


async def test_a_callback_that_is_handled_twice_makes_one_connection(service: Unplug) -> None:
    provider, begun = RotatingProvider("twice"), flow()
    ids = await asyncio.gather(
        *(back_end.connected(service, begun, provider.tokens) for _ in range(8))
    )
    assert len(set(ids)) == 1
    current = await back_end.credentials(service, ids[0])
    assert current is not None
    assert current["data"] == provider.tokens


async def test_workers_at_once_refresh_once(service: Unplug) -> None:
    provider, locks = RotatingProvider("at-once"), Locks()
    connection_id = await a_connection(service, provider)
    provider.expire()
    workers = [Worker(unplug=service, provider=provider, lock=locks) for _ in range(8)]
    assert await asyncio.gather(*(worker.sync(connection_id) for worker in workers)) == [True] * 8
    assert (provider.refreshes, provider.fetches) == (1, 8)
    record = await service.call(RECORD, {"id": connection_id})
    assert (record["status"], record["credentialsVersion"]) == ("ACTIVE", 2)
    assert record["lastSyncAt"] is not None


async def test_expired_credentials_are_refreshed_before_they_are_used(service: Unplug) -> None:
    provider = RotatingProvider("expired")
    provider.tokens = provider.tokens | {"expires_at": LONG_AGO}
    connection_id = await a_connection(service, provider)
    assert await Worker(unplug=service, provider=provider, lock=Locks()).sync(connection_id)
    assert provider.refreshes == 1


async def test_new_tokens_outlive_lost_answers(server: Server) -> None:
    provider, transport = RotatingProvider("lost"), LosesAnswers("mutation Refresh", 2)
    async with httpx.AsyncClient(transport=transport) as http:
        service = Unplug(address(server), lambda: TOKEN, http)
        connection_id = await a_connection(service, provider)
        provider.expire()
        assert await Worker(unplug=service, provider=provider, lock=Locks()).sync(connection_id)
    assert (transport.left, provider.refreshes, provider.ended) == (0, 1, False)


async def test_a_refused_refresh_token_is_reported_once(service: Unplug) -> None:
    provider = RotatingProvider("refused")
    connection_id = await a_connection(service, provider)
    provider.ended = True
    worker = Worker(unplug=service, provider=provider, lock=Locks())
    assert not await worker.sync(connection_id)
    record = await service.call(RECORD, {"id": connection_id})
    assert (record["status"], record["credentialsVersion"]) == ("REVOKED", 1)


async def test_a_disconnect_during_a_refresh_is_final(service: Unplug) -> None:
    provider = RotatingProvider("disconnected")
    connection_id = await a_connection(service, provider)
    wanted = {"userId": str(USER), "connectionId": connection_id, "attemptId": str(uuid7())}
    provider.before_answer = lambda: service.call(DISCONNECT, {"input": wanted})
    provider.expire()
    assert not await Worker(unplug=service, provider=provider, lock=Locks()).sync(connection_id)
    assert (provider.refreshes, provider.fetches) == (1, 0)
    assert await back_end.credentials(service, connection_id) is None


async def test_tables_of_tokens_move_without_losing_a_refresh(tmp_path: Path) -> None:
    """Old workers refresh while the rows are imported and moved, and go on at Unplug."""
    providers = {str(uuid7()): RotatingProvider(f"row-{number}") for number in range(40)}
    table: dict[str, Json] = {id_: provider.tokens for id_, provider in providers.items()}
    moved: set[str] = set()
    locks, choose = Locks(), random.Random(1)  # noqa: S311 (nothing secret)
    finished = asyncio.Event()

    async def refresh_now(service: Unplug, id_: str) -> None:
        async with locks(id_):
            if id_ not in moved:
                table[id_] = await providers[id_].refresh(table[id_])
                return
        used = await back_end.credentials(service, id_)
        assert used is not None
        await Worker(unplug=service, provider=providers[id_], lock=locks).refreshed(id_, used)

    async def go_on_refreshing(service: Unplug) -> None:
        while not finished.is_set():
            await refresh_now(service, choose.choice(list(providers)))
            await asyncio.sleep(0.001)

    async def read(id_: str) -> Json:
        return table[id_]

    async def mark_moved(id_: str) -> None:
        moved.add(id_)

    lines = [
        connection_line(USER, UUID(id_), credentials={"type": "oauth2", "data": tokens})
        for id_, tokens in table.items()
    ]
    with Server(tmp_path, SERVICE_ADDRESS="127.0.0.1:0") as server:
        async with httpx.AsyncClient() as http:
            service = Unplug(address(server), lambda: TOKEN, http)
            refreshing = asyncio.create_task(go_on_refreshing(service))
            imported = await asyncio.to_thread(
                unplug, "import", "-", cwd=tmp_path, stdin="".join(lines)
            )
            assert imported.returncode == 0
            for id_ in providers:
                await back_end.move(service, id_, locks, read, mark_moved)
            for id_ in providers:
                await refresh_now(service, id_)
            finished.set()
            await refreshing  # one that is cut off would lose what the provider has rotated
            for id_, provider in providers.items():
                async with locks(id_):
                    current = await back_end.credentials(service, id_)
                assert current is not None
                assert not provider.ended
                assert current["data"] == provider.tokens


def test_the_javascript_does_the_same(server: Server) -> None:
    printed = run("back-end-scenario.js", address(server), TOKEN, str(USER), str(PROVIDER))
    assert json.loads(printed) == {
        "connections": 1,
        "synced": [True] * 8,
        "refreshes": 1,
        "fetches": 8,
        "version": 2,
        "afterRefusal": False,
        "status": "REVOKED",
        "afterDisconnect": False,
        "late": 1,
    }
