"""Every way in which a provider can answer badly has its result, and leaves no token in the log."""

import contextlib
import gc
import logging
import tracemalloc
from collections.abc import AsyncIterator
from itertools import repeat
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from domain.token_revocation import Answer, Misconfigured, Refused, TryLater, UnreadableCredentials
from infrastructure.outbound_http import OutboundHttp
from tests.integration.providers.revoking import ACCEPTED, GONE, SHORT, revoker
from tests.support.network.certificates import Authority
from tests.support.network.quirk_server import (
    Answer as Reply,
)
from tests.support.network.quirk_server import (
    cut,
    drip,
    flood,
    hang,
    quirk_server,
    reply,
)

TOKEN = "a-token-of-the-users"
DATA = {"refresh_token": TOKEN}
ECHO = {"error": TOKEN, "error_description": TOKEN, "ok": False}
"""A provider that sends the token back."""


@contextlib.asynccontextmanager
async def no_token_in_the_log(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """Neither in a line of ours nor in one of the HTTP client's, at any level."""
    with capture_logs() as lines, caplog.at_level(logging.DEBUG):
        yield
    assert TOKEN not in str(lines)
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    ("quirk", "result"),
    [
        pytest.param(hang(), TryLater("timed_out"), id="hangs"),
        pytest.param(drip(repeat(b" "), 0.02), TryLater("timed_out"), id="drips"),
        pytest.param(flood(), TryLater("too_large"), id="floods"),
        pytest.param(reply(200, b"x" * 1_000_000), TryLater("too_large"), id="a megabyte"),
        pytest.param(cut(), TryLater("broken"), id="closes"),
        pytest.param(
            cut(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx"), TryLater("broken"), id="cuts"
        ),
        pytest.param(reply(429), TryLater("http_429"), id="too many"),
        pytest.param(
            reply(503, headers={"retry-after": "7"}), TryLater("http_503", 7), id="is away"
        ),
        pytest.param(reply(500, ECHO), TryLater("http_500"), id="fails"),
        pytest.param(reply(401, ECHO), Misconfigured("http_401"), id="401 for our client"),
        pytest.param(
            reply(400, {"error": "invalid_client"}),
            Misconfigured("invalid_client"),
            id="does not know our client",
        ),
        pytest.param(reply(404), Misconfigured("http_404"), id="no such endpoint"),
        pytest.param(reply(400, ECHO), Refused("http_400"), id="refuses"),
    ],
)
async def test_its_result_is_no_success(
    quirk: Reply, result: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        quirk_server(quirk) as server,
        revoker(server, endpoint=server.url("/revoke/{token}")) as revoke,
        no_token_in_the_log(caplog),
    ):
        assert await revoke.revoke("acme", DATA) == {"refresh_token": result}


@pytest.mark.parametrize(
    ("quirk", "result"),
    [
        pytest.param(reply(200, {"ok": True}), ACCEPTED, id="ended"),
        pytest.param(reply(200, ECHO), Refused("http_200"), id="200 with an error inside"),
        pytest.param(reply(200, {"ok": "true"}), Refused("http_200"), id="200 with another type"),
        pytest.param(reply(200, {"error": "revoked", "ok": False}), GONE, id="had ended"),
        pytest.param(reply(200, b"<html>"), TryLater("http_200"), id="a page of a portal"),
    ],
)
async def test_a_status_of_200_is_no_success_by_itself(
    quirk: Reply, result: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    meaning: dict[str, object] = {
        "success": {"status": [200], "json": {"ok": True}},
        "gone": {"status": [200], "json": {"ok": False, "error": "revoked"}},
    }
    async with (
        quirk_server(quirk) as server,
        revoker(server, None, **meaning) as revoke,
        no_token_in_the_log(caplog),
    ):
        assert await revoke.revoke("acme", DATA) == {"refresh_token": result}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_with_the_token(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        quirk_server() as server,
        revoker(server) as revoke,
        no_token_in_the_log(caplog),
    ):
        server.answer = reply(status, headers={"location": server.url(f"/{TOKEN}")})
        answers = await revoke.revoke("acme", DATA)
    assert answers == {"refresh_token": Misconfigured(f"http_{status}")}
    assert [request.target for request in server.received] == ["/revoke"]


@pytest.mark.parametrize("fault", ["expired", "unknown authority", "another host"])
async def test_a_bad_certificate_is_sent_no_token(
    tmp_path: Path, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(tmp_path)
    http = OutboundHttp(SHORT, tls=None if fault == "unknown authority" else authority.client())
    host = "localhost" if fault == "another host" else "127.0.0.1"
    async with (
        quirk_server(tls=authority.server(expired=fault == "expired")) as server,
        revoker(server, http, endpoint=server.url("/revoke", host)) as revoke,
        no_token_in_the_log(caplog),
    ):
        answers = await revoke.revoke("acme", DATA)
    assert answers == {"refresh_token": TryLater("certificate")}
    assert not server.received


async def test_a_refusal_of_our_client_is_loud() -> None:
    refusal = reply(401, {"error": "invalid_client", "error_description": TOKEN})
    with capture_logs() as lines:
        async with quirk_server(refusal) as server, revoker(server) as revoke:
            answers = await revoke.revoke("acme", DATA)
    assert answers == {"refresh_token": Misconfigured("invalid_client")}
    assert lines == [
        {
            "event": "provider_misconfigured",
            "log_level": "error",
            "provider": "acme",
            "code": "invalid_client",
        }
    ]


async def test_a_flood_takes_a_bounded_piece_of_memory() -> None:
    async with quirk_server(flood()) as server, revoker(server) as revoke:
        gc.collect()
        tracemalloc.start()
        try:
            await revoke.revoke("acme", DATA)
            assert tracemalloc.get_traced_memory()[1] < 4 << 20
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    "data",
    [{}, {"password": TOKEN}, {"refresh_token": ["x"]}, {"refresh_token": "\n"}],
    ids=["empty", "of another kind", "no text", "no header can carry it"],
)
async def test_credentials_without_a_token_are_told_apart(
    data: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        quirk_server() as server,
        revoker(server, client_auth="bearer", fields={}) as revoke,
        no_token_in_the_log(caplog),
    ):
        with pytest.raises(UnreadableCredentials) as raised:
            await revoke.revoke("acme", data)
        with pytest.raises(KeyError):
            await revoke.revoke("other", DATA)
    assert TOKEN not in str(raised.value)
    assert not server.received
