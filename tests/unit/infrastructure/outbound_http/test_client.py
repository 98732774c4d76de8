"""What another server answers, or fails to answer, costs a bounded time and a bounded size."""

import asyncio
import gc
import logging
import tracemalloc
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import repeat
from pathlib import Path

import pytest

from infrastructure.observability.logging import configure_logging
from infrastructure.outbound_http import (
    NoResponse,
    OutboundHttp,
    OutboundLimits,
    OutboundResponse,
    Problem,
)
from infrastructure.outbound_http.addresses import is_public
from tests.support.network.certificates import Authority
from tests.support.network.quirk_server import (
    Answer,
    QuirkServer,
    cut,
    drip,
    flood,
    hang,
    quirk_server,
    reply,
)

SHORT = OutboundLimits(total=0.3, connect=0.2, body=65_536)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def problem_of(
    server: QuirkServer, http: OutboundHttp, *, private_addresses: bool = True
) -> Problem:
    with pytest.raises(NoResponse) as raised:
        await http.request("GET", server.url("/secret"), private_addresses=private_addresses)
    assert "secret" not in str(raised.value)
    return raised.value.problem


async def test_a_response_is_given_whatever_its_status() -> None:
    answer = reply(418, b"short and stout", {"X-Kind": "teapot"})
    async with quirk_server(answer) as server, OutboundHttp() as http:
        response = await http.request(
            "POST",
            server.url("/pot?x=1"),
            headers={"x-a": "b"},
            body=b"tea",
            private_addresses=True,
        )
    assert (response.status, response.body) == (418, b"short and stout")
    assert response.headers["x-kind"] == "teapot"
    (received,) = server.received
    assert (received.method, received.target, received.body) == ("POST", "/pot?x=1", b"tea")
    assert received.headers["user-agent"] == f"unplug/{version('unplug')}"
    assert received.headers["accept-encoding"] == "identity"
    assert received.headers["x-a"] == "b"


async def test_a_post_without_a_body_says_so() -> None:
    async with quirk_server() as server, OutboundHttp() as http:
        await http.request("POST", server.url(), private_addresses=True)
    assert server.received[0].headers["content-length"] == "0"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(hang(), id="no answer"),
        pytest.param(drip(repeat(b"x"), 0.02), id="a body in drops"),
        pytest.param(drip(iter([b""]), 60), id="a body that never comes"),
    ],
)
async def test_the_deadline_is_for_all_of_a_request(answer: Answer) -> None:
    loop = asyncio.get_running_loop()
    async with quirk_server(answer) as server, OutboundHttp(SHORT) as http:
        began = loop.time()
        assert await problem_of(server, http) is Problem.TIMED_OUT
        assert SHORT.total <= loop.time() - began < 5
        await asyncio.wait_for(server.idle.wait(), 5)


async def test_a_client_works_after_more_timeouts_than_it_has_connections() -> None:
    limits = OutboundLimits(total=0.1, connections=2)
    async with quirk_server(hang()) as server, OutboundHttp(limits) as http:
        problems = await asyncio.gather(*[problem_of(server, http) for _ in range(10)])
        assert problems == [Problem.TIMED_OUT] * 10
        server.answer = reply(200)
        assert (await http.request("GET", server.url(), private_addresses=True)).status == 200


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_body_is_read_up_to_its_limit_only(chunked: bool) -> None:
    async with quirk_server(flood(chunked=chunked)) as server, OutboundHttp() as http:
        gc.collect()
        tracemalloc.start()
        try:
            assert await problem_of(server, http) is Problem.TOO_LARGE
            assert tracemalloc.get_traced_memory()[1] < 4 << 20
        finally:
            tracemalloc.stop()


async def test_a_compressed_body_is_not_unpacked() -> None:
    answer = reply(200, b"\x1f\x8b bomb", {"content-encoding": "gzip"})
    async with quirk_server(answer) as server, OutboundHttp() as http:
        response = await http.request("GET", server.url(), private_addresses=True)
    assert response.body == b"\x1f\x8b bomb"


async def test_a_redirect_is_an_answer_like_others() -> None:
    async with quirk_server() as server, OutboundHttp() as http:
        server.answer = reply(307, headers={"location": server.url("/elsewhere")})
        response = await http.request("GET", server.url(), private_addresses=True)
    assert response.status == 307
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "sent",
    [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", b"SSH-2.0-OpenSSH\r\n\r\n"],
)
async def test_a_connection_that_ends_too_early_is_broken(sent: bytes) -> None:
    async with quirk_server(cut(sent)) as server, OutboundHttp() as http:
        assert await problem_of(server, http) is Problem.BROKEN


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/",
        "http://name.invalid/",
        f"http://{'a' * 64}.example/",
        "http://[::1/",
        "ftp://127.0.0.1/",
        "nonsense",
    ],
)
async def test_what_can_not_be_reached_is_told_apart(url: str) -> None:
    async with OutboundHttp() as http:
        with pytest.raises(NoResponse) as raised:
            await http.request("GET", url, private_addresses=True)
    assert raised.value.problem is Problem.UNREACHABLE


async def test_certificates_are_verified(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with OutboundHttp(tls=authority.client()) as http:
        async with quirk_server(tls=authority.server()) as server:
            assert (await http.request("GET", server.url(), private_addresses=True)).status == 200
        async with quirk_server(tls=authority.server(expired=True)) as server:
            assert await problem_of(server, http) is Problem.CERTIFICATE
    async with quirk_server(tls=authority.server()) as server, OutboundHttp() as http:
        assert await problem_of(server, http) is Problem.CERTIFICATE


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 (an address that is asked about)
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::10.0.0.1", False),
        ("64:ff9b::93.184.216.34", True),
        ("2002:0a00:0001::1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
async def test_a_private_address_is_refused_on_the_socket_before_anything_is_sent(
    host: str,
) -> None:
    async with quirk_server() as server, OutboundHttp() as http:
        with pytest.raises(NoResponse) as raised:
            await http.request("GET", server.url("/", host))
        assert raised.value.problem is Problem.ADDRESS_REFUSED
        await asyncio.wait_for(server.idle.wait(), 5)
    assert server.connections == 1
    assert not server.received


async def test_a_connection_that_was_allowed_is_not_lent_to_a_request_that_is_not() -> None:
    async with quirk_server() as server, OutboundHttp() as http:
        await http.request("GET", server.url(), private_addresses=True)
        assert await problem_of(server, http, private_addresses=False) is Problem.ADDRESS_REFUSED
        assert len(server.received) == 1


async def test_connections_are_kept_for_the_next_request() -> None:
    async with quirk_server() as server, OutboundHttp() as http:
        for _ in range(3):
            await http.request("GET", server.url(), private_addresses=True)
        assert server.connections == 1


async def test_the_environments_proxies_are_used_when_asked_for_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with quirk_server(reply(200, b"target")) as target, quirk_server() as proxy:
        proxy.answer = reply(200, b"proxy")
        monkeypatch.setenv("http_proxy", f"http://user:p%40ss@127.0.0.1:{proxy.port}")
        async with OutboundHttp() as http:
            response = await http.request("GET", target.url(), private_addresses=True)
            assert response.body == b"target"
        async with OutboundHttp(proxies=True) as http:
            response = await http.request("GET", target.url("/a"), private_addresses=True)
            assert response.body == b"proxy"
            assert proxy.received[0].target == target.url("/a")
            assert proxy.received[0].headers["proxy-authorization"] == "Basic dXNlcjpwQHNz"
            assert await problem_of(target, http, private_addresses=False) is (
                Problem.ADDRESS_REFUSED
            )
            monkeypatch.setenv("no_proxy", "127.0.0.1")
            response = await http.request("GET", target.url(), private_addresses=True)
            assert response.body == b"target"


async def test_the_librarys_log_is_off(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logging("debug")
    try:
        answer = reply(200, headers={"x-new-token": "secret"})
        async with quirk_server(answer) as server, OutboundHttp() as http:
            await http.request("GET", server.url("/secret"), private_addresses=True)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.captureWarnings(capture=False)
    assert "secret" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0),
        ("-5", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_in_both_its_forms(text: str, seconds: float | None) -> None:
    response = OutboundResponse(status=503, headers={"retry-after": text}, body=b"")
    assert response.retry_after(NOW) == seconds


async def test_a_body_may_be_cut_off_instead() -> None:
    limits = OutboundLimits(total=5, body=1_000, cut=True)
    async with quirk_server(flood()) as server, OutboundHttp(limits) as http:
        response = await http.request("GET", server.url(), private_addresses=True)
        assert (response.status, len(response.body)) == (200, 1_000)
        await server.idle.wait()
