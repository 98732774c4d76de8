"""Clients as npm and PyPI have them: each is cut off again and again, and misses nothing."""

import asyncio
import json
import random
import time
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from tests.clients import gql_client
from tests.support.network.tcp_proxy import TcpProxy
from tests.support.node import NODE, install
from tests.support.processes import SECRET, Server, bearer, connection_line, running, unplug

CELLS = [
    "graphql-ws",
    "graphql-sse",
    "urql-ws",
    "urql-sse",
    "apollo-ws",
    "apollo-multipart",
    "gql",
]
USERS = {name: UUID(int=number) for number, name in enumerate(CELLS, start=1)}
TOKEN_SECONDS = 2
MUTATIONS = 8
LOAD, LOAD_RATE = 60, 20  # more mutations of the same user, and how many of them in a second
CUTS = 6
PAUSE = 0.05
DEADLINE = 60.0
SUCCESS = "DisconnectProviderSuccess"


@dataclass(frozen=True)
class Life:
    """What a client was answered and given, and what the user's log holds."""

    answers: list[str]
    positions: list[int]
    head: int
    connections: int


class Cell:
    """One client, one user, one network of its own."""

    def __init__(self, server: Server, name: str, proxy: TcpProxy, http: httpx.AsyncClient) -> None:
        self.server = server
        self.http = http
        self.user = USERS[name]
        self.proxy = proxy
        self.url = f"http://127.0.0.1:{proxy.port}/graphql"
        self.ids = [str(connection_id(self.user, number)) for number in range(MUTATIONS)]
        self._random = random.Random(name)  # noqa: S311 (nothing secret)

    def token(self) -> str:
        return bearer(self.user, exp=int(time.time()) + TOKEN_SECONDS)

    async def trouble(self) -> int:
        """Load and cuts at once; the position of the last event when both are over."""
        await asyncio.gather(self._load(), self._cut())
        data = await self._directly("{ providerEvents(last: 1) { edges { node { position } } } }")
        return int(data["providerEvents"]["edges"][0]["node"]["position"])

    async def _cut(self) -> None:
        for _ in range(CUTS):
            await asyncio.sleep(self._random.uniform(0.1, 1.2 * LOAD / LOAD_RATE / CUTS))
            await self.proxy.cut_all()

    async def _load(self) -> None:
        for number in range(LOAD):
            await self._directly(gql_client.DISCONNECT, id=self.ids[number % MUTATIONS])
            await asyncio.sleep(1 / LOAD_RATE)

    async def _directly(self, query: str, **variables: object) -> Mapping[str, dict]:  # type: ignore[type-arg] # decoded JSON
        headers = {"authorization": f"Bearer {bearer(self.user)}"}
        body = {"query": query, "variables": variables}
        answer = await self.http.post(self.server.graphql, json=body, headers=headers)
        data: Mapping[str, dict] = answer.json()["data"]  # type: ignore[type-arg]
        return data


async def javascript(cell: Cell, name: str) -> Life:
    process = await asyncio.create_subprocess_exec(
        NODE, "scenario.js", name, cell.url, SECRET, str(cell.user), str(TOKEN_SECONDS), *cell.ids,
        cwd=install(), stdin=PIPE, stdout=PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"following\n"
        head = await cell.trouble()
        answers = json.loads(await process.stdout.readline())
        process.stdin.write(b"%d\n" % head)
        positions = json.loads(await process.stdout.readline())
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    return Life(answers, positions, head, cell.proxy.accepted)


async def python(cell: Cell) -> Life:
    async def answered(query: str, **variables: object) -> dict[str, object]:
        while True:
            try:
                return await gql_client.ask(cell.url, cell.token, query, **variables)
            except gql_client.LOST:
                await asyncio.sleep(PAUSE)

    async def mutations() -> list[str]:
        results = [await answered(gql_client.DISCONNECT, id=id_) for id_ in cell.ids]
        return [str(result["disconnectProvider"]["__typename"]) for result in results]  # type: ignore[index] # decoded JSON

    async def follow() -> None:
        async for event in gql_client.follow(cell.url, cell.token, start, PAUSE):
            positions.append(event["position"])
            changed.set()

    positions: list[int] = []
    changed = asyncio.Event()
    start = str((await answered(gql_client.SNAPSHOT))["eventCursor"])
    following = asyncio.create_task(follow())
    answers, head = await asyncio.gather(mutations(), cell.trouble())
    while positions[-1:] != [head] and not following.done():
        changed.clear()
        await changed.wait()
    while not following.done():  # gql may lose a cancellation when its connection ends just then
        following.cancel()
        await asyncio.wait({following}, timeout=PAUSE)
    return Life(answers, positions, head, cell.proxy.accepted)


async def live(server: Server, name: str) -> Life:
    async with (
        asyncio.timeout(DEADLINE),
        TcpProxy(int(server.url.rpartition(":")[2])) as proxy,
        httpx.AsyncClient() as http,
    ):
        cell = Cell(server, name, proxy, http)
        return await (python(cell) if name == "gql" else javascript(cell, name))


async def live_all(server: Server) -> dict[str, Life | BaseException]:
    lives = await asyncio.gather(*(live(server, name) for name in CELLS), return_exceptions=True)
    return dict(zip(CELLS, lives, strict=True))


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Life | BaseException]:
    """All clients at once: most of their time is spent waiting for trouble."""
    install()
    folder: Path = tmp_path_factory.mktemp("clients")
    lines = [
        connection_line(user, connection_id(user, number))
        for user in USERS.values()
        for number in range(MUTATIONS)
    ]
    assert unplug("import", "-", cwd=folder, stdin="".join(lines)).returncode == 0
    with running(folder) as server:
        return asyncio.run(live_all(server))


def connection_id(user: UUID, number: int) -> UUID:
    return UUID(int=(user.int << 32) + number)


@pytest.mark.parametrize("name", CELLS)
def test_it_is_answered_and_receives_every_position_once(
    lives: dict[str, Life | BaseException], name: str
) -> None:
    life = lives[name]
    if isinstance(life, BaseException):
        raise life
    assert life.answers == [SUCCESS] * MUTATIONS
    assert life.positions == list(range(1, life.head + 1))
    assert life.connections > CUTS
    assert life.head >= 2 * (LOAD + MUTATIONS)
