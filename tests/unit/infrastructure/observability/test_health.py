"""Probes get a status code that tells them what to do, and a word that tells operators why."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette

from domain.ports import StorageError
from infrastructure.observability import health
from infrastructure.observability.health import Health


class Node:
    """A database, its schema and its wake-ups, as a probe would find them."""

    def __init__(self) -> None:
        self.reachable = True
        self.current = True
        self.lost: list[str] = []
        self.answering = asyncio.Event()
        self.answering.set()
        self.asked = 0
        self.writable = True

    async def schema_is_current(self) -> bool:
        self.asked += 1
        await self.answering.wait()
        if not self.reachable:
            raise StorageError
        return self.current

    async def probe_write(self) -> None:
        if not self.writable:
            raise StorageError

    def client(self) -> httpx.AsyncClient:
        health = Health(self.schema_is_current, self.probe_write, lambda: self.lost)
        app = Starlette(routes=health.routes())
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node")


async def test_a_node_that_can_work_is_ready() -> None:
    async with Node().client() as client:
        response = await client.get("/readyz")
        assert response.status_code == 200
        assert response.json() == {"status": "ready", "degraded": []}


async def test_lost_wake_ups_are_named_and_the_node_stays_ready() -> None:
    node = Node()
    node.lost.append("wake_ups")
    async with node.client() as client:
        response = await client.get("/readyz")
        assert response.status_code == 200
        assert response.json() == {"status": "degraded", "degraded": ["wake_ups"]}


async def test_an_outdated_schema_is_not_ready_and_alive() -> None:
    node = Node()
    node.current = False
    async with node.client() as client:
        response = await client.get("/readyz")
        assert response.status_code == 503
        assert response.json() == {"status": "unavailable", "reason": "schema_outdated"}
        assert (await client.get("/healthz")).json() == {"status": "ok"}


async def test_a_node_is_ready_again_when_its_database_is_back() -> None:
    node = Node()
    node.reachable = False
    async with node.client() as client:
        response = await client.get("/readyz")
        assert response.status_code == 503
        assert response.json() == {"status": "unavailable", "reason": "database"}
        node.reachable = True
        assert (await client.get("/readyz")).status_code == 200


async def test_a_database_that_refuses_writes_is_not_ready() -> None:
    node = Node()
    node.writable = False
    async with node.client() as client:
        response = await client.get("/readyz")
        assert response.status_code == 503
        assert response.json() == {"status": "unavailable", "reason": "database"}


async def test_a_database_that_hangs_is_not_ready_and_is_asked_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "CHECK_TIMEOUT", 0.05)
    node = Node()
    node.answering.clear()
    async with node.client() as client:
        responses = await asyncio.gather(*(client.get("/readyz") for _ in range(20)))
        assert {response.status_code for response in responses} == {503}
        assert node.asked == 1
        assert (await client.get("/healthz")).status_code == 200
