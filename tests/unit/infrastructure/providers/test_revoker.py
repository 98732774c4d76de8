"""Providers are asked as the catalogue says, in any behaviour of theirs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import pairwise, repeat
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from domain.token_revocation import RevocationEvidence
from infrastructure.outbound_http import OutboundHttp, OutboundLimits
from infrastructure.providers.answers import Answer, Ended, Misconfigured, TryLater
from infrastructure.providers.catalogue import Catalogue
from infrastructure.providers.requests import UnreadableCredentials
from infrastructure.providers.revoker import Revoker
from tests.support.network.certificates import Authority
from tests.support.network.quirk_server import (
    Answer as Reply,
)
from tests.support.network.quirk_server import (
    QuirkServer,
    cut,
    drip,
    flood,
    hang,
    quirk_server,
    reply,
)
from tests.unit.infrastructure.providers.entries import entry, known

DATA = {"refresh_token": "r-1", "access_token": "a-1"}
ACCEPTED, GONE = Ended(RevocationEvidence.ACCEPTED), Ended(RevocationEvidence.ALREADY_GONE)
SHORT = OutboundLimits(total=0.3, body=65_536)


@asynccontextmanager
async def revoker(
    server: QuirkServer, http: OutboundHttp | None = None, **keys: object
) -> AsyncIterator[Revoker]:
    provider = entry(**{"endpoint": server.url("/revoke"), **keys})
    async with http or OutboundHttp(SHORT) as client:
        yield Revoker(Catalogue({"acme": provider}), client, now=lambda: datetime.now(UTC))


async def test_each_token_is_ended_and_answered_for_itself() -> None:
    async with quirk_server() as server, revoker(server) as revoke:
        server.answers = [reply(503, headers={"retry-after": "7"}), reply(200)]
        answers = await revoke.revoke("acme", DATA)
    assert [request.form["token"] for request in server.received] == ["r-1", "a-1"]
    assert answers == {"refresh_token": TryLater("http_503", 7), "access_token": ACCEPTED}


async def test_a_token_that_was_ended_before_is_not_asked_about_again() -> None:
    async with quirk_server() as server, revoker(server) as revoke:
        answers = await revoke.revoke("acme", DATA, ended={"refresh_token"})
    assert answers == {"access_token": ACCEPTED}
    assert len(server.received) == 1


async def test_a_grant_that_has_ended_is_not_asked_about_again() -> None:
    async with quirk_server() as server, revoker(server, ends="grant") as revoke:
        assert await revoke.revoke("acme", DATA) == {"refresh_token": ACCEPTED}
        server.answers = [reply(500)]
        answers = await revoke.revoke("acme", DATA)
    assert answers == {"refresh_token": TryLater("http_500"), "access_token": ACCEPTED}


@pytest.mark.parametrize(
    ("quirk", "code"),
    [
        pytest.param(hang(), "timed_out", id="hangs"),
        pytest.param(drip(repeat(b" "), 0.02), "timed_out", id="drips"),
        pytest.param(flood(), "too_large", id="floods"),
        pytest.param(reply(200, b"x" * 1_000_000), "too_large", id="a megabyte"),
        pytest.param(cut(), "broken", id="closes"),
        pytest.param(cut(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx"), "broken", id="cuts"),
        pytest.param(reply(429), "http_429", id="too many"),
    ],
)
async def test_a_bad_provider_leaves_it_open(quirk: Reply, code: str) -> None:
    data = {"refresh_token": "r-1"}
    async with quirk_server(quirk) as server, revoker(server) as revoke:
        assert await revoke.revoke("acme", data) == {"refresh_token": TryLater(code)}


async def test_a_redirect_is_not_followed_with_the_token() -> None:
    async with quirk_server() as server, revoker(server) as revoke:
        server.answer = reply(307, headers={"location": server.url("/elsewhere")})
        answers = await revoke.revoke("acme", {"refresh_token": "r-1"})
    assert answers == {"refresh_token": Misconfigured("http_307")}
    assert [request.target for request in server.received] == ["/revoke"]


async def test_an_expired_certificate_is_sent_no_token(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    http = OutboundHttp(SHORT, tls=authority.client())
    async with (
        quirk_server(tls=authority.server(expired=True)) as server,
        revoker(server, http) as revoke,
    ):
        answers = await revoke.revoke("acme", {"refresh_token": "r-1"})
    assert answers == {"refresh_token": TryLater("certificate")}
    assert not server.received


async def test_a_refusal_of_our_client_is_loud_and_holds_no_token() -> None:
    refusal = reply(401, {"error": "invalid_client", "error_description": "r-1"})
    with capture_logs() as lines:
        async with quirk_server(refusal) as server, revoker(server) as revoke:
            answers = await revoke.revoke("acme", {"refresh_token": "r-1"})
    assert answers == {"refresh_token": Misconfigured("invalid_client")}
    assert lines == [
        {
            "event": "provider_misconfigured",
            "log_level": "error",
            "provider": "acme",
            "code": "invalid_client",
        }
    ]


async def test_a_private_address_is_refused_unless_the_catalogue_allows_it(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with quirk_server(tls=authority.server()) as server:
        tenant = {"endpoint": "{data.url}/revoke", "hosts": ["127.0.0.1"]}
        http = OutboundHttp(SHORT, tls=authority.client())
        async with revoker(server, http, **tenant) as revoke:
            data = {"refresh_token": "r-1", "url": server.url("")}
            answers = await revoke.revoke("acme", data)
        assert answers == {"refresh_token": TryLater("address_refused")}
        assert not server.received
        http = OutboundHttp(SHORT, tls=authority.client())
        async with revoker(server, http) as revoke:
            assert await revoke.revoke("acme", {"refresh_token": "r"}) == {
                "refresh_token": ACCEPTED
            }


async def test_credentials_without_a_token_are_told_apart() -> None:
    async with quirk_server() as server, revoker(server) as revoke:
        with pytest.raises(UnreadableCredentials):
            await revoke.revoke("acme", {"password": "x"})
        with pytest.raises(KeyError):
            await revoke.revoke("other", DATA)
    assert not server.received


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
        data = {"refresh_token": "r-1"}
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
        data = {"refresh_token": "r-1"}
        began = loop.time()
        await asyncio.gather(*[revoke.revoke("acme", data) for _ in range(11)])
        assert loop.time() - began >= 10 / 50
    assert len(times) == 11
    assert all(later >= earlier for earlier, later in pairwise(times))


async def test_a_cancelled_wait_gives_its_place_back() -> None:
    async with quirk_server(hang()) as server, revoker(server, concurrency=1) as revoke:
        data = {"refresh_token": "r-1"}
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
    assert server.received[0].json == {"access_token": "a-1"}
    assert server.received[0].target == "/applications/the-client/grant"
