"""nginx and HAProxy as the guide configures them, in front of two nodes."""

import asyncio
import functools
import random
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from cryptography.fernet import Fernet
from starlette.types import Receive, Scope, Send

from infrastructure.server.client_limits import ClientLimits
from infrastructure.server.uvicorn_server import server_config
from schema.http.streaming import HEARTBEAT_SECONDS
from tests.resilience.clients.subscribers import Subscriber
from tests.support.network.raw_http import raw_response
from tests.support.network.raw_socket import Closed, raw_socket
from tests.support.processes import SECRET, Server, bearer, connection_line, running, unplug
from tests.support.servers.deployment import DEPLOY
from tests.support.servers.process import free_port
from tests.support.servers.proxies import deployed
from tests.support.woken import eventually

USER, CONNECTION = UUID(int=7), UUID(int=1)
KEY = Fernet.generate_key().decode()
QUERY = "{ eventCursor }"
STREAM = "subscription { providerEvents { id } }"
PROXIES = ("nginx", "haproxy")
MUTATION = "mutation($id: ID!) { disconnectProvider(input: {connectionId: $id}) { __typename } }"


@contextmanager
def two_nodes(folder: Path, database: str) -> Iterator[tuple[Server, Server]]:
    settings = {"DATABASE_URL": database, "CREDENTIALS_KEYS": KEY}
    unplug("migrate", cwd=folder, DATABASE_URL=database)
    unplug("import", "-", cwd=folder, stdin=connection_line(USER, CONNECTION), **settings)
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(
                running(folder, "serve", SERVICE_ADDRESS=f"127.0.0.1:{free_port()}", **settings)
            )
            for _ in range(2)
        )
        yield first, second


@dataclass(frozen=True)
class Address:
    """Where clients find the nodes: at the proxy."""

    port: int

    @property
    def graphql(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    @property
    def websocket(self) -> str:
        return f"ws://127.0.0.1:{self.port}/graphql"


@asynccontextmanager
async def load(address: Address, statuses: Counter[int]) -> AsyncIterator[None]:
    """Queries on a few connections, and mutations on one, as browsers and apps send them."""
    stop = asyncio.Event()

    async def ask(client: httpx.AsyncClient, body: Mapping[str, object], pause: float) -> None:
        while not stop.is_set():
            response = await client.post(address.graphql, json=body)
            statuses[response.status_code] += 1
            assert "errors" not in response.json(), response.text
            assert "Failed" not in response.text
            await asyncio.sleep(pause)

    mutation = {"query": MUTATION, "variables": {"id": str(CONNECTION)}}
    headers = {"authorization": f"Bearer {bearer(USER)}"}
    async with httpx.AsyncClient(headers=headers, timeout=20) as client:
        tasks = [asyncio.create_task(ask(client, {"query": QUERY}, 0.02)) for _ in range(3)]
        tasks.append(asyncio.create_task(ask(client, mutation, 0.05)))
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks)


@asynccontextmanager
async def following(address: Address) -> AsyncIterator[list[Subscriber]]:
    """A client on each transport, which reconnects and resumes."""
    chance = random.Random(1)  # noqa: S311
    subscribers = [
        Subscriber(USER, transport, [address], chance)  # type: ignore[list-item] # where, not who
        for transport in ("websocket", "sse")
    ]
    for subscriber in subscribers:
        subscriber.start()
    yield subscribers
    for subscriber in subscribers:
        await subscriber.stop()


async def answered(statuses: Counter[int], more: int) -> None:
    """Until that many more queries were answered."""
    before = statuses.total()
    await eventually(lambda: statuses.total() >= before + more, within=30)


def served(node: Server) -> int:
    """How many operations it has logged."""
    return [entry["event"] for entry in node.log].count("operation")


def has_served_more(node: Server, than: int) -> bool:
    return served(node) > than


def port_of(server: Server) -> int:
    return int(server.url.rpartition(":")[2])


@pytest.mark.parametrize("proxy", PROXIES)
async def test_a_rolling_deploy_behind_a_proxy(
    proxy: str, postgres_url: str, tmp_path: Path
) -> None:
    statuses: Counter[int] = Counter()
    with (
        two_nodes(tmp_path, postgres_url) as nodes,
        deployed(proxy, (port_of(nodes[0]), port_of(nodes[1]))) as port,
    ):
        address = Address(port)
        async with following(address) as subscribers:
            async with load(address, statuses):
                for node in nodes:
                    await answered(statuses, 50)
                    assert await asyncio.to_thread(node.stop) == 0
                    await answered(statuses, 50)
                    before = served(node)
                    await asyncio.to_thread(node.start)
                    await eventually(functools.partial(has_served_more, node, before), within=30)
            events = len(
                unplug("events", cwd=tmp_path, DATABASE_URL=postgres_url).stdout.splitlines()
            )
            await eventually(lambda: all(each.position == events for each in subscribers))
    assert set(statuses) == {200}, statuses
    for each in subscribers:
        assert [position for position, _ in each.received] == list(range(1, events + 1))
        assert (each.reconnects > 0, each.refusals) == (True, [])


def test_a_stream_is_never_as_quiet_as_a_proxy_allows() -> None:
    """Half of it: one sign of life may be late."""
    files = "".join((DEPLOY / name).read_text() for name in ("nginx.conf", "haproxy.cfg"))
    quiet = re.findall(r"(?:proxy_read_timeout|timeout (?:client|server|tunnel)) +(\w+)", files)
    assert quiet == ["1m"] * 4
    pings = server_config(app=no_app, limits=ClientLimits()).ws_ping_interval
    assert pings is not None
    assert max(HEARTBEAT_SECONDS, pings) <= 60 / 2


@pytest.mark.parametrize("proxy", PROXIES)
async def test_streams_of_a_node_that_says_nothing_end_with_the_proxys_patience(
    proxy: str, postgres_url: str, tmp_path: Path
) -> None:
    with (
        two_nodes(tmp_path, postgres_url) as nodes,
        deployed(proxy, (port_of(nodes[0]), port_of(nodes[1])), patience="2s") as port,
    ):
        async with (
            raw_socket(port) as socket,
            raw_response(port, bearer(USER), "text/event-stream", STREAM) as stream,
        ):
            await socket.init(bearer(USER))
            for node in nodes:
                node.signal(signal.SIGSTOP)
            try:
                with pytest.raises(Closed):
                    await socket.receive()
                await stream.to_the_end()
            finally:
                for node in nodes:
                    node.signal(signal.SIGCONT)
    assert not stream.complete


async def no_app(scope: Scope, receive: Receive, send: Send) -> None:
    """Only its server matters."""


@pytest.mark.parametrize("proxy", PROXIES)
async def test_the_wire_behind_a_proxy_and_what_stays_private(
    proxy: str, postgres_url: str, tmp_path: Path
) -> None:
    service = unplug(
        "token",
        "--service",
        "sync",
        "--scope",
        "connections:read",
        cwd=tmp_path,
        TOKEN_SECRET=SECRET,
    ).stdout.strip()
    with (
        two_nodes(tmp_path, postgres_url) as nodes,
        deployed(proxy, (port_of(nodes[0]), port_of(nodes[1]))) as port,
    ):
        origin = f"http://127.0.0.1:{port}"
        async with raw_socket(port) as socket:
            await socket.init(bearer(USER))
        async with httpx.AsyncClient(timeout=20) as client:
            headers = {"authorization": f"Bearer {service}"}
            answer = await client.post(
                f"{origin}/graphql", json={"query": "{ __typename }"}, headers=headers
            )
            assert answer.status_code == 401
            assert (await client.get(f"{origin}/metrics")).status_code == 404
            large = {"authorization": f"Bearer {bearer(USER, padding='x' * 12_000)}"}
            answer = await client.post(f"{origin}/graphql", json={"query": QUERY}, headers=large)
            assert answer.status_code == 200
