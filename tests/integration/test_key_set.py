"""Keys at a URL: fetched, kept, refreshed, and asked for no more often than needed."""

import asyncio
import contextlib
import gc
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import repeat
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from structlog.testing import capture_logs

from domain.identifiers import UserId
from domain.ports import KeysUnavailable
from infrastructure.outbound_http import OutboundHttp, OutboundLimits
from infrastructure.security.access_tokens import JwtAccessTokens
from infrastructure.security.callers import user_of
from infrastructure.security.jwks import (
    KEEP_FOR,
    KEY_SET_LIMITS,
    REFRESH_AFTER,
    RETRY_AFTER,
    PublishedKeys,
)
from infrastructure.security.refusals import RefusalLog
from infrastructure.security.token_trust import TokenRules
from tests.support.network.quirk_server import (
    Answer,
    QuirkServer,
    drip,
    flood,
    hang,
    quirk_server,
    reply,
)
from tests.support.published_keys import jwk_of, signed

CLAIMS = {
    "sub": "0192f0c1-2345-7abc-8def-0123456789ab",
    "exp": int(datetime.now(UTC).timestamp()) + 3600,
}


class Issuer:
    """Publishes keys, and counts how often it is asked."""

    def __init__(self, server: QuirkServer) -> None:
        self.server = server
        self.private: dict[str, ec.EllipticCurvePrivateKey] = {}
        self.published: list[dict[str, Any]] = []
        self.url = server.url("/keys")

    def add_key(self, key_id: str) -> None:
        self.private[key_id] = ec.generate_private_key(ec.SECP256R1())
        self.published.append(jwk_of(self.private[key_id], kid=key_id, use="sig"))
        self.works()

    def works(self) -> None:
        self.server.answer = reply(200, {"keys": self.published})

    def fails(self, status: int = 503) -> None:
        self.server.answer = reply(status)

    @property
    def requests(self) -> int:
        return len(self.server.received)

    def token(self, key_id: str, *, named: bool = True) -> str:
        return signed(CLAIMS, self.private[key_id], "ES256", key_id if named else None)


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with quirk_server() as server:
        issuer = Issuer(server)
        issuer.add_key("one")
        yield issuer


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@contextlib.asynccontextmanager
async def published_keys(
    issuer: Issuer, clock: Clock | None = None, limits: OutboundLimits = KEY_SET_LIMITS
) -> AsyncIterator[PublishedKeys]:
    async with (
        OutboundHttp(limits) as http,
        PublishedKeys(issuer.url, http, clock=clock or Clock()) as keys,
    ):
        yield keys


def verifier(keys: PublishedKeys) -> JwtAccessTokens[UserId]:
    return JwtAccessTokens(keys, TokenRules(), user_of, RefusalLog("users"))


async def test_keys_are_fetched_once_for_many_tokens(issuer: Issuer) -> None:
    issuer.add_key("two")
    async with published_keys(issuer) as keys:
        assert await verifier(keys).verify(issuer.token("one")) is not None
        assert await verifier(keys).verify(issuer.token("two")) is not None
    assert issuer.requests == 1


async def test_an_issuer_is_asked_by_a_name_that_firewalls_let_through(issuer: Issuer) -> None:
    async with published_keys(issuer) as keys:
        assert await keys.find("one", "ES256")
    headers = issuer.server.received[0].headers
    assert headers["user-agent"].startswith("unplug/")
    assert headers["accept"] == "application/json"


async def test_a_token_needs_no_key_id_when_there_is_one_key(issuer: Issuer) -> None:
    async with published_keys(issuer) as keys:
        assert await verifier(keys).verify(issuer.token("one", named=False)) is not None
    issuer.add_key("two")
    async with published_keys(issuer) as keys:
        assert await verifier(keys).verify(issuer.token("one", named=False)) is None


async def test_a_new_key_is_found_and_unknown_ones_do_not_flood_the_issuer(
    issuer: Issuer,
) -> None:
    clock = Clock()
    async with published_keys(issuer, clock) as keys:
        tokens = verifier(keys)
        assert await tokens.verify(issuer.token("one")) is not None
        issuer.add_key("two")
        clock.time += RETRY_AFTER
        assert await tokens.verify(issuer.token("two")) is not None
        assert issuer.requests == 2
        unknown = signed(CLAIMS, ec.generate_private_key(ec.SECP256R1()), "ES256", "three")
        for _ in range(50):
            assert await tokens.verify(unknown) is None
    assert issuer.requests == 2


async def test_known_keys_outlive_an_issuer_that_is_down_for_a_while(issuer: Issuer) -> None:
    clock = Clock()
    async with published_keys(issuer, clock) as keys:
        assert await keys.find("one", "ES256")
        issuer.fails()
        clock.time += REFRESH_AFTER + 1
        assert await keys.find("one", "ES256")
        clock.time += KEEP_FOR
        with pytest.raises(KeysUnavailable):
            await keys.find("one", "ES256")
        issuer.works()
        clock.time += RETRY_AFTER
        assert await keys.find("one", "ES256")


async def test_a_withdrawn_key_is_no_longer_taken(issuer: Issuer) -> None:
    clock = Clock()
    async with published_keys(issuer, clock) as keys:
        assert await keys.find("one", "ES256")
        issuer.published.clear()
        issuer.add_key("two")
        clock.time += REFRESH_AFTER + 1
        await keys.find("two", "ES256")
        assert not await keys.find("one", "ES256")


async def test_a_symmetric_key_in_a_published_set_is_not_taken(issuer: Issuer) -> None:
    secret = "A" * 43
    issuer.published.append({"kty": "oct", "kid": "shared", "k": secret, "alg": "HS256"})
    issuer.works()
    key = jwt.PyJWK({"kty": "oct", "k": secret}, "HS256")
    async with published_keys(issuer) as keys:
        tokens = verifier(keys)
        assert await tokens.verify(jwt.encode(CLAIMS, key, headers={"kid": "shared"})) is None
        assert await tokens.verify(issuer.token("one")) is not None


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_an_issuer_that_answers_badly_lets_nobody_in(issuer: Issuer, status: int) -> None:
    issuer.fails(status)
    async with published_keys(issuer) as keys:
        with pytest.raises(KeysUnavailable):
            await verifier(keys).verify(issuer.token("one"))


async def test_an_issuer_that_is_not_there_lets_nobody_in(issuer: Issuer) -> None:
    issuer.url = "http://127.0.0.1:1/keys"
    async with published_keys(issuer) as keys:
        with capture_logs() as lines, pytest.raises(KeysUnavailable) as raised:
            await verifier(keys).verify(issuer.token("one"))
        assert not keys.healthy
    assert 1 <= raised.value.retry_after <= RETRY_AFTER
    assert lines == [
        {"event": "signing_keys_unavailable", "log_level": "warning", "reason": "unreachable"}
    ]


SHORT = OutboundLimits(total=0.2, body=KEY_SET_LIMITS.body)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(drip(repeat(b" "), 0.01), "timed_out", id="drops"),
        pytest.param(hang(), "timed_out", id="silence"),
        pytest.param(flood(size=400_000_000, chunked=False), "too_large", id="400 MB"),
        pytest.param(flood(), "too_large", id="a body without an end"),
        pytest.param(reply(200, b"<html>"), "is not a key set", id="no key set"),
    ],
)
async def test_sign_in_works_again_once_the_issuer_does(
    issuer: Issuer, answer: Answer, reason: str
) -> None:
    clock = Clock()
    issuer.server.answer = answer
    gc.collect()
    tracemalloc.start()
    try:
        with capture_logs() as lines:
            async with published_keys(issuer, clock, SHORT) as keys:
                tokens = verifier(keys)
                for _ in range(3):
                    with pytest.raises(KeysUnavailable):
                        await tokens.verify(issuer.token("one"))
                assert [line["reason"] for line in lines] == [reason]
                issuer.works()
                clock.time += RETRY_AFTER
                assert await tokens.verify(issuer.token("one")) is not None
                assert keys.healthy
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


async def test_the_end_waits_for_no_fetch(issuer: Issuer) -> None:
    issuer.server.answer = hang()
    loop = asyncio.get_running_loop()
    async with published_keys(issuer, limits=OutboundLimits(total=60)) as keys:
        waiting = asyncio.create_task(keys.find("one", "ES256"))
        while not issuer.requests:  # noqa: ASYNC110 (a list has no event)
            await asyncio.sleep(0)
        began = loop.time()
    assert loop.time() - began < 5
    with contextlib.suppress(KeysUnavailable):
        await waiting


async def test_keys_are_checked_at_the_start_and_by_health_checks_until_they_are_there(
    issuer: Issuer,
) -> None:
    clock = Clock()
    issuer.fails()
    async with published_keys(issuer, clock) as keys:
        with pytest.raises(KeysUnavailable):
            await keys.find("one", "ES256")
        assert issuer.requests == 1
        assert not keys.healthy
        issuer.works()
        clock.time += RETRY_AFTER
        assert not keys.healthy  # and looks again
        while not keys.healthy:  # noqa: ASYNC110 (it is what a health check does)
            await asyncio.sleep(0)
    assert issuer.requests == 2


async def test_a_set_without_usable_keys_is_told_to_operators(issuer: Issuer) -> None:
    issuer.published[0]["use"] = "enc"
    issuer.works()
    with capture_logs() as lines:
        async with published_keys(issuer) as keys:
            assert await verifier(keys).verify(issuer.token("one")) is None
            assert not keys.healthy
    assert lines[0]["event"] == "signing_keys_unusable"
    assert lines[0]["not_for_signatures"] == 1
