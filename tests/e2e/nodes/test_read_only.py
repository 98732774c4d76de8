"""A node whose server takes no writes says so, and writes again without a restart."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from cryptography.fernet import Fernet

from tests.support.network.tcp_proxy import TcpProxy
from tests.support.processes import Server, bearer, connection_line, unplug
from tests.support.servers.postgres import PostgresServer

USER, CONNECTION = UUID(int=7), UUID(int=1)
MUTATION = "mutation($id: ID!) { disconnectProvider(input: {connectionId: $id}) { __typename } }"
QUERY = "{ connectedProviders { edges { node { status } } } }"
UNAVAILABLE = {"status": "unavailable", "reason": "database"}
READY = {"status": "ready", "degraded": []}


@dataclass
class Node:
    """A node that reaches its server by a name that may lead elsewhere."""

    server: Server
    proxy: TcpProxy
    http: httpx.AsyncClient

    async def disconnect(self) -> str:
        answer = await self._ask(MUTATION, id=str(CONNECTION))
        return str(answer["disconnectProvider"]["__typename"])

    async def statuses(self) -> list[str]:
        answer = await self._ask(QUERY)
        return [edge["node"]["status"] for edge in answer["connectedProviders"]["edges"]]

    async def readiness(self) -> object:
        return (await self.http.get(f"{self.server.url}/readyz")).json()

    async def becomes(self, readiness: object) -> None:
        """Wake-ups are named as degraded until they are connected again."""
        async with asyncio.timeout(20):
            while await self.readiness() != readiness:  # noqa: ASYNC110 (it is asked)
                await asyncio.sleep(0.05)

    async def _ask(
        self, query: str, **variables: str
    ) -> dict[str, dict[str, list[dict[str, dict[str, str]]]]]:
        body = {"query": query, "variables": variables}
        answer = (await self.http.post(self.server.graphql, json=body)).json()
        assert "errors" not in answer, answer
        return answer["data"]  # type: ignore[no-any-return] # decoded JSON


@pytest.fixture
def primary() -> Iterator[PostgresServer]:
    server = PostgresServer()
    server.start()
    yield server
    server.remove()


@asynccontextmanager
async def node(primary: PostgresServer, folder: Path) -> AsyncIterator[Node]:
    url = primary.create_database("unplug")
    settings = {"DATABASE_URL": url, "CREDENTIALS_KEYS": Fernet.generate_key().decode()}
    unplug("migrate", cwd=folder, **settings)
    unplug("import", "-", cwd=folder, stdin=connection_line(USER, CONNECTION), **settings)
    headers = {"authorization": f"Bearer {bearer(USER)}"}
    async with (
        TcpProxy(primary.port) as proxy,
        httpx.AsyncClient(headers=headers, timeout=20) as http,
    ):
        settings["DATABASE_URL"] = primary.url("unplug", port=proxy.port)
        server = Server(folder, **settings)
        await asyncio.to_thread(server.start)
        try:
            yield Node(server, proxy, http)
        finally:
            assert await asyncio.to_thread(server.stop) == 0


async def test_a_server_that_was_made_read_only(primary: PostgresServer, tmp_path: Path) -> None:
    async with node(primary, tmp_path) as it:
        assert await it.readiness() == READY
        primary.execute("ALTER SYSTEM SET default_transaction_read_only = on", "postgres")
        primary.execute("SELECT pg_reload_conf()", "postgres")
        await it.becomes(UNAVAILABLE)
        assert await it.disconnect() == "DisconnectionFailed"
        assert await it.statuses() == ["ACTIVE"]
        primary.execute("ALTER SYSTEM RESET default_transaction_read_only", "postgres")
        primary.execute("SELECT pg_reload_conf()", "postgres")
        await it.becomes(READY)
        assert await it.disconnect() == "DisconnectProviderSuccess"


async def test_a_name_that_leads_to_a_standby(primary: PostgresServer, tmp_path: Path) -> None:
    async with node(primary, tmp_path) as it:
        standby = await asyncio.to_thread(PostgresServer, standby_of=primary)
        try:
            await asyncio.to_thread(standby.start)
            it.proxy.target_port = standby.port
            await it.proxy.cut_all()
            await it.becomes(UNAVAILABLE)
            assert await it.disconnect() == "DisconnectionFailed"
            assert await it.statuses() == ["ACTIVE"]
            it.proxy.target_port = primary.port  # connections to the standby stay open
            await it.becomes(READY)
            assert await it.disconnect() == "DisconnectProviderSuccess"
        finally:
            standby.remove()
