"""A token is taken when it is signed, current and names a user; else it is refused, silently."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from domain.identifiers import UserId
from infrastructure.security.access_tokens import (
    CACHED_TOKENS,
    JwtAccessTokens,
    SingleKey,
    issue_token,
)
from infrastructure.security.signing_keys import public_key, shared_secret

USER = UserId(UUID("0192f0c1-2345-7abc-8def-0123456789ab"))
SECRET = "correct horse battery staple, twice over"
NOW = int(datetime.now(UTC).timestamp())
CLAIMS = {"sub": str(USER), "exp": NOW + 86_400}


def secret_tokens(
    *,
    issuer: str | None = None,
    audience: str | None = None,
    now: Callable[[], float] = time.time,
) -> JwtAccessTokens:
    key = SingleKey(shared_secret(SECRET))
    return JwtAccessTokens(key, issuer=issuer, audience=audience, now=now)


def signed(claims: Mapping[str, object], secret: str = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(dict(claims), secret, algorithm=algorithm)


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def test_a_valid_token_says_who_asks_and_until_when() -> None:
    access = await secret_tokens().verify(signed(CLAIMS))
    assert access is not None
    assert access.user_id == USER
    assert access.expires_at == datetime.fromtimestamp(NOW + 86_400, UTC)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param("rubbish", id="garbage"),
        pytest.param("a.b.c", id="three segments of garbage"),
        pytest.param("é.ü.\ud800", id="not encodable"),
        pytest.param(f"{segment([])}.{segment({})}.", id="header is a list"),
        pytest.param(
            f"{segment({'alg': 'none'})}.{segment(CLAIMS)}.", id="no algorithm, no signature"
        ),
        pytest.param(
            f"{segment({'alg': 'HS256', 'kid': 7})}.{segment(CLAIMS)}.AAAA", id="kid is a number"
        ),
        pytest.param(signed(CLAIMS, SECRET + "!"), id="another secret"),
        pytest.param(signed(CLAIMS)[:-4] + "AAAA", id="a damaged signature"),
        pytest.param(signed({"sub": str(USER)}), id="no exp"),
        pytest.param(signed(CLAIMS | {"exp": None}), id="exp is null"),
        pytest.param(signed(CLAIMS | {"exp": str(NOW + 86_400)}), id="exp is text"),
        pytest.param(signed(CLAIMS | {"exp": True}), id="exp is true"),
        pytest.param(signed(CLAIMS | {"exp": 10**30}), id="exp is beyond all calendars"),
        pytest.param(signed(CLAIMS | {"exp": float("inf")}), id="exp is infinite"),
        pytest.param(signed(CLAIMS | {"exp": NOW - 1}), id="expired"),
        pytest.param(signed(CLAIMS | {"nbf": NOW + 43_200}), id="not valid yet"),
        pytest.param(signed({"exp": NOW + 86_400}), id="no sub"),
        pytest.param(signed(CLAIMS | {"sub": 7}), id="sub is a number"),
        pytest.param(signed(CLAIMS | {"sub": "alice"}), id="sub is no UUID"),
        pytest.param(signed(CLAIMS | {"sub": USER.hex}), id="sub without hyphens"),
        pytest.param(signed(CLAIMS | {"sub": f"{{{USER}}}"}), id="sub in braces"),
        pytest.param(signed(CLAIMS | {"padding": "x" * 9000}), id="far too long"),
    ],
)
async def test_anything_else_is_refused_silently(
    token: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert await secret_tokens().verify(token) is None
    assert not caplog.records


async def test_the_right_secret_with_another_algorithm_is_refused() -> None:
    tokens = JwtAccessTokens(SingleKey(shared_secret(SECRET * 2)))
    assert await tokens.verify(signed(CLAIMS, SECRET * 2, "HS256")) is not None
    assert await tokens.verify(signed(CLAIMS, SECRET * 2, "HS384")) is None
    assert await tokens.verify(signed(CLAIMS, SECRET * 2, "HS512")) is None


async def test_issuer_and_audience_are_checked_when_they_are_set() -> None:
    tokens = secret_tokens(issuer="https://id.example", audience="unplug")
    right = CLAIMS | {"iss": "https://id.example", "aud": ["other", "unplug"]}
    assert await tokens.verify(signed(right)) is not None
    assert await tokens.verify(signed(right | {"iss": "https://evil.example"})) is None
    assert await tokens.verify(signed(right | {"aud": "other"})) is None
    assert await tokens.verify(signed(CLAIMS | {"iss": "https://id.example"})) is None
    assert await tokens.verify(signed(CLAIMS | {"aud": "unplug"})) is None


async def test_issuer_and_audience_do_not_matter_when_they_are_not_set() -> None:
    claims = CLAIMS | {"iss": "https://id.example", "aud": "other", "iat": NOW + 2}
    assert await secret_tokens().verify(signed(claims)) is not None


async def test_a_token_that_was_valid_is_refused_once_it_has_expired() -> None:
    times = [float(NOW)]
    tokens = secret_tokens(now=lambda: times[0])
    token = signed(CLAIMS | {"exp": NOW + 43_200})
    assert await tokens.verify(token) is not None
    times[0] = NOW + 43_199.9
    assert await tokens.verify(token) is not None
    times[0] = NOW + 43_200
    assert await tokens.verify(token) is None


async def test_more_tokens_than_are_remembered_stay_valid() -> None:
    tokens = secret_tokens()
    first = signed(CLAIMS)
    assert await tokens.verify(first) is not None
    for n in range(CACHED_TOKENS):
        assert await tokens.verify(signed(CLAIMS | {"jti": str(n)})) is not None
    assert await tokens.verify(first) is not None


PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def pem(private: PrivateKey) -> str:
    encoded = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return encoded.decode()


RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.mark.parametrize(
    ("private", "algorithm"),
    [
        pytest.param(RSA_KEY, "RS256", id="RSA"),
        pytest.param(ec.generate_private_key(ec.SECP256R1()), "ES256", id="P-256"),
        pytest.param(ec.generate_private_key(ec.SECP384R1()), "ES384", id="P-384"),
        pytest.param(ed25519.Ed25519PrivateKey.generate(), "EdDSA", id="Ed25519"),
    ],
)
async def test_a_public_key_takes_what_its_private_key_signed(
    private: PrivateKey, algorithm: str
) -> None:
    tokens = JwtAccessTokens(SingleKey(public_key(pem(private))))
    assert await tokens.verify(jwt.encode(CLAIMS, private, algorithm=algorithm)) is not None
    assert await tokens.verify(signed(CLAIMS)) is None


async def test_a_public_key_is_bound_to_one_algorithm() -> None:
    tokens = JwtAccessTokens(SingleKey(public_key(pem(RSA_KEY))))
    assert await tokens.verify(jwt.encode(CLAIMS, RSA_KEY, algorithm="RS512")) is None
    assert await tokens.verify(jwt.encode(CLAIMS, RSA_KEY, algorithm="PS256")) is None


async def test_a_public_key_is_no_secret_to_sign_with() -> None:
    text = pem(RSA_KEY)
    tokens = JwtAccessTokens(SingleKey(public_key(text)))
    secrets = [text.encode(), text.strip().encode()]
    for secret in secrets:
        key = jwt.PyJWK({"kty": "oct", "k": base64.urlsafe_b64encode(secret).decode()}, "HS256")
        head = f"{segment({'alg': 'HS256', 'typ': 'JWT'})}.{segment(CLAIMS)}"
        # Signed by hand: the library would not sign with such a key either.
        signature = key.Algorithm.sign(head.encode(), secret)
        forged = f"{head}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
        assert await tokens.verify(forged) is None


async def test_an_issued_token_is_taken_until_it_expires() -> None:
    key = shared_secret(SECRET)
    token = issue_token(key, USER, timedelta(hours=1), issuer="me", audience="unplug")
    access = await secret_tokens(issuer="me", audience="unplug").verify(token)
    assert access is not None
    assert access.user_id == USER
    assert abs(access.expires_at - datetime.now(UTC) - timedelta(hours=1)) < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("secret", "message"),
    [("s" * 31, "has 31"), (pem(RSA_KEY), "not a secret")],
)
def test_a_weak_secret_is_refused(secret: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shared_secret(secret)


SMALL_RSA = pem(rsa.generate_private_key(public_exponent=65537, key_size=1024))  # noqa: S505 (refused)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SECRET, "not a public key"),
        (SMALL_RSA, "1024 bits"),
        (pem(ec.generate_private_key(ec.SECP256K1())), "another type"),
    ],
)
def test_a_key_that_is_no_good_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        public_key(text)


def test_a_public_key_may_be_written_on_one_line() -> None:
    assert public_key(pem(RSA_KEY).replace("\n", "\\n")).algorithm_name == "RS256"
