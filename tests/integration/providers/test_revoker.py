"""Providers are asked token by token, by few at a time and at their pace."""

import asyncio
from datetime import UTC, datetime
from itertools import pairwise

from domain.token_revocation import Answer, TryLater
from infrastructure.outbound_http import OutboundHttp
from infrastructure.providers.catalogue import Catalogue
from infrastructure.providers.revoker import Revoker
from tests.integration.providers.revoking import (
    ACCEPTED,
    ACCESS,
    DATA,
    GONE,
    REFRESH,
    SHORT,
    revoker,
)
from tests.support.network.quirk_server import hang, quirk_server, reply
from tests.unit.infrastructure.providers.entries import known


async def test_each_token_is_ended_and_answered_for_itself() -> None:
    async with quirk_server() as server, revoker(server) as revoke:
        server.answers = [reply(503, headers={"retry-after": "7"}), reply(200)]
        answers = await revoke.revoke("acme", DATA)
    assert [request.form["token"] for request in server.received] == [REFRESH, ACCESS]
    assert answers == {"refresh_token": TryLater("http_503", 7), "access_token": ACCEPTED}


async def test_a_token_that_was_ended_before_is_not_asked_about_again() -> None:
    async with quirk_server() as server, revoker(server) as revoke:
        answers = await revoke.revoke("acme", DATA, ended={"refresh_token"})
    assert answers == {"access_token": ACCEPTED}
    assert len(server.received) == 1


async def test_what_the_pace_leaves_no_time_for_is_not_asked_about() -> None:
    async with quirk_server() as server, revoker(server, per_second=0.1) as revoke:
        until = asyncio.get_running_loop().time() + 0.2
        answers = await revoke.revoke("acme", DATA, until=until)
    assert answers == {"refresh_token": ACCEPTED, "access_token": TryLater("not_asked", 0)}
    assert len(server.received) == 1


async def test_a_grant_that_has_ended_is_not_asked_about_again() -> None:
    async with quirk_server() as server, revoker(server, ends="grant") as revoke:
        assert await revoke.revoke("acme", DATA) == {"refresh_token": ACCEPTED}
        server.answers = [reply(500)]
        answers = await revoke.revoke("acme", DATA)
    assert answers == {"refresh_token": TryLater("http_500"), "access_token": ACCEPTED}


async def test_a_provider_is_asked_by_few_at_a_time() -> None:
    running = most = 0

    async def count(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _turn in range(20):
            await asyncio.sleep(0)
        running -= 1
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    async with (
        quirk_server(count) as server,
        revoker(server, OutboundHttp(), concurrency=3, per_second=1000) as revoke,
    ):
        data = {"refresh_token": REFRESH}
        answers = await asyncio.gather(*[revoke.revoke("acme", data) for _ in range(40)])
    assert answers == [{"refresh_token": ACCEPTED}] * 40
    assert most == 3


async def test_a_provider_is_asked_at_its_pace() -> None:
    loop, times = asyncio.get_running_loop(), list[float]()

    async def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        times.append(loop.time())
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    async with (
        quirk_server(note) as server,
        revoker(server, OutboundHttp(), concurrency=10, per_second=50) as revoke,
    ):
        data = {"refresh_token": REFRESH}
        began = loop.time()
        await asyncio.gather(*[revoke.revoke("acme", data) for _ in range(11)])
        assert loop.time() - began >= 10 / 50
    assert len(times) == 11
    assert all(later >= earlier for earlier, later in pairwise(times))


async def test_a_cancelled_wait_gives_its_place_back() -> None:
    async with quirk_server(hang()) as server, revoker(server, concurrency=1) as revoke:
        data = {"refresh_token": REFRESH}
        tasks = [asyncio.create_task(revoke.revoke("acme", data)) for _ in range(5)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        server.answer = reply(200)
        assert await revoke.revoke("acme", data) == {"refresh_token": ACCEPTED}


async def test_github_as_it_answers() -> None:
    answers: list[Answer] = []
    async with quirk_server() as server, OutboundHttp(SHORT) as http:
        github = known("github", endpoint=server.url("/applications/{client_id}/grant"))
        revoke = Revoker(Catalogue({"github": github}), http, now=lambda: datetime.now(UTC))
        for quirk in (reply(204), reply(404, {"message": "Not Found"})):
            server.answer = quirk
            answers += (await revoke.revoke("github", DATA)).values()
    assert answers == [ACCEPTED, GONE]
    assert server.received[0].json == {"access_token": ACCESS}
    assert server.received[0].target == "/applications/the-client/grant"
