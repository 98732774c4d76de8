"""Keys at a URL: fetched, kept, refreshed, and asked for no more often than needed."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from infrastructure.security.access_tokens import JwtAccessTokens
from infrastructure.security.jwks import KEEP_FOR, REFRESH_AFTER, RETRY_AFTER, PublishedKeys

CLAIMS = {
    "sub": "0192f0c1-2345-7abc-8def-0123456789ab",
    "exp": int(datetime.now(UTC).timestamp()) + 3600,
}


class Issuer:
    """A server on loopback that publishes keys, and counts how often it is asked."""

    def __init__(self) -> None:
        self.private: dict[str, ec.EllipticCurvePrivateKey] = {}
        self.published: list[dict[str, Any]] = []
        self.requests = 0
        self.status = 200
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.requests += 1
                body = json.dumps({"keys": issuer.published}).encode()
                self.send_response(issuer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
                del format, args

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/keys"

    def add_key(self, key_id: str) -> None:
        self.private[key_id] = ec.generate_private_key(ec.SECP256R1())
        jwk = ECAlgorithm.to_jwk(self.private[key_id].public_key(), as_dict=True)
        self.published.append({**jwk, "kid": key_id, "use": "sig"})

    def token(self, key_id: str, *, named: bool = True) -> str:
        headers = {"kid": key_id} if named else None
        return jwt.encode(CLAIMS, self.private[key_id], algorithm="ES256", headers=headers)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    issuer.add_key("one")
    yield issuer
    issuer.close()


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


async def test_keys_are_fetched_once_for_many_tokens(issuer: Issuer) -> None:
    issuer.add_key("two")
    tokens = JwtAccessTokens(PublishedKeys(issuer.url))
    assert await tokens.verify(issuer.token("one")) is not None
    assert await tokens.verify(issuer.token("two")) is not None
    assert issuer.requests == 1


async def test_a_token_needs_no_key_id_when_there_is_one_key(issuer: Issuer) -> None:
    tokens = JwtAccessTokens(PublishedKeys(issuer.url))
    assert await tokens.verify(issuer.token("one", named=False)) is not None
    issuer.add_key("two")
    tokens = JwtAccessTokens(PublishedKeys(issuer.url))
    assert await tokens.verify(issuer.token("one", named=False)) is None


async def test_a_new_key_is_found_and_unknown_ones_do_not_flood_the_issuer(
    issuer: Issuer,
) -> None:
    clock = Clock()
    tokens = JwtAccessTokens(PublishedKeys(issuer.url, clock=clock))
    assert await tokens.verify(issuer.token("one")) is not None
    issuer.add_key("two")
    clock.time += RETRY_AFTER
    assert await tokens.verify(issuer.token("two")) is not None
    assert issuer.requests == 2
    unknown = jwt.encode(
        CLAIMS, ec.generate_private_key(ec.SECP256R1()), "ES256", headers={"kid": "three"}
    )
    for _ in range(50):
        assert await tokens.verify(unknown) is None
    assert issuer.requests == 2


async def test_known_keys_outlive_an_issuer_that_is_down_for_a_while(issuer: Issuer) -> None:
    clock = Clock()
    keys = PublishedKeys(issuer.url, clock=clock)
    assert await keys.find("one") is not None
    issuer.status = 503
    clock.time += REFRESH_AFTER + 1
    assert await keys.find("one") is not None
    clock.time += KEEP_FOR
    assert await keys.find("one") is None
    issuer.status = 200
    clock.time += RETRY_AFTER
    assert await keys.find("one") is not None


async def test_a_withdrawn_key_is_no_longer_taken(issuer: Issuer) -> None:
    clock = Clock()
    keys = PublishedKeys(issuer.url, clock=clock)
    assert await keys.find("one") is not None
    issuer.published.clear()
    issuer.add_key("two")
    clock.time += REFRESH_AFTER + 1
    await keys.find("two")
    assert await keys.find("one") is None


async def test_a_symmetric_key_in_a_published_set_is_not_taken(issuer: Issuer) -> None:
    secret = "A" * 43
    issuer.published.append({"kty": "oct", "kid": "shared", "k": secret, "alg": "HS256"})
    tokens = JwtAccessTokens(PublishedKeys(issuer.url))
    key = jwt.PyJWK({"kty": "oct", "k": secret}, "HS256")
    assert await tokens.verify(jwt.encode(CLAIMS, key, headers={"kid": "shared"})) is None
    assert await tokens.verify(issuer.token("one")) is not None


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_an_issuer_that_answers_badly_lets_nobody_in(issuer: Issuer, status: int) -> None:
    issuer.status = status
    assert await JwtAccessTokens(PublishedKeys(issuer.url)).verify(issuer.token("one")) is None


async def test_an_issuer_that_is_not_there_lets_nobody_in(issuer: Issuer) -> None:
    tokens = JwtAccessTokens(PublishedKeys(issuer.url))
    issuer.close()
    assert await tokens.verify(issuer.token("one")) is None
