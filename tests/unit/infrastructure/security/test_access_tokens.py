"""A token is accepted when it is signed, current and names a user; the log says why it isn't."""

import base64
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from structlog.testing import capture_logs

from domain.identifiers import UserId
from infrastructure.security.access_tokens import (
    CACHED_TOKENS,
    MAX_TOKEN_LENGTH,
    JwtAccessTokens,
)
from infrastructure.security.callers import user_of
from infrastructure.security.issuing import issue
from infrastructure.security.refusals import LINES_PER_SECOND, Refusal, RefusalLog
from infrastructure.security.signing_keys import (
    SingleKey,
    VerificationKeys,
    public_key,
    shared_secret,
)
from infrastructure.security.token_trust import KeySource, TokenRules, TokenTrust
from tests.support.published_keys import PrivateKey, segment
from tests.support.published_keys import signed as signed_with

USER = UserId(UUID("0192f0c1-2345-7abc-8def-0123456789ab"))
SECRET = "correct horse battery staple, twice over"
NOW = int(datetime.now(UTC).timestamp())
CLAIMS = {"sub": str(USER), "exp": NOW + 86_400}


def secret_tokens(
    *,
    issuer: str | None = None,
    audience: str | None = None,
    leeway: float = 0.0,
    now: Callable[[], float] = time.time,
) -> JwtAccessTokens[UserId]:
    rules = TokenRules(issuer=issuer, audience=audience, leeway=leeway)
    keys = SingleKey(shared_secret(SECRET))
    return JwtAccessTokens(keys, rules, user_of, RefusalLog("users"), now=now)


def verifier(keys: VerificationKeys) -> JwtAccessTokens[UserId]:
    return JwtAccessTokens(keys, TokenRules(), user_of, RefusalLog("users"))


def signed(claims: Mapping[str, object], secret: str = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(dict(claims), secret, algorithm=algorithm)


async def test_a_valid_token_says_who_asks_and_until_when() -> None:
    access = await secret_tokens().verify(signed(CLAIMS))
    assert access is not None
    assert access.caller == USER
    assert access.expires_at == datetime.fromtimestamp(NOW + 86_400, UTC)


REFUSED = [
    ("", "malformed", "empty"),
    ("rubbish", "malformed", "garbage"),
    ("a.b.c", "malformed", "three segments of garbage"),
    ("é.ü.\ud800", "malformed", "not encodable"),
    (f"{segment([])}.{segment({})}.", "malformed", "header is a list"),
    (f"{segment({})}.{segment(CLAIMS)}.AAAA", "malformed", "no algorithm"),
    (f"{segment({'alg': 'none'})}.{segment(CLAIMS)}.", "unknown_key", "no signature"),
    (
        f"{segment({'alg': 'HS256', 'kid': 7})}.{segment(CLAIMS)}.AAAA",
        "malformed",
        "kid is a number",
    ),
    (signed(CLAIMS, SECRET + "!"), "signature", "another secret"),
    (signed(CLAIMS)[:-4] + "AAAA", "signature", "a damaged signature"),
    (signed({"sub": str(USER)}), "malformed", "no exp"),
    (signed(CLAIMS | {"exp": None}), "malformed", "exp is null"),
    (signed(CLAIMS | {"exp": str(NOW + 86_400)}), "malformed", "exp is text"),
    (signed(CLAIMS | {"exp": True}), "malformed", "exp is true"),
    (signed(CLAIMS | {"exp": 10**30}), "malformed", "exp is beyond all calendars"),
    (signed(CLAIMS | {"exp": float("inf")}), "malformed", "exp is infinite"),
    (signed(CLAIMS | {"exp": NOW - 1}), "expired", "expired"),
    (signed(CLAIMS | {"nbf": NOW + 43_200}), "not_yet_valid", "not valid yet"),
    (signed(CLAIMS | {"nbf": "soon"}), "malformed", "nbf is text"),
    (signed(CLAIMS | {"iat": NOW + 43_200}), "not_yet_valid", "issued in the future"),
    (signed({"exp": NOW + 86_400}), "subject", "no sub"),
    (signed(CLAIMS | {"sub": 7}), "subject", "sub is a number"),
    (signed(CLAIMS | {"sub": "alice"}), "subject", "sub is no UUID"),
    (signed(CLAIMS | {"sub": USER.hex}), "subject", "sub without hyphens"),
    (signed(CLAIMS | {"sub": f"{{{USER}}}"}), "subject", "sub in braces"),
    (signed(CLAIMS | {"padding": "x" * 13_000}), "too_long", "far too long"),
]


@pytest.mark.parametrize(
    ("token", "reason"),
    [pytest.param(token, reason, id=name) for token, reason, name in REFUSED],
)
async def test_anything_else_is_refused_and_operators_are_told_why(token: str, reason: str) -> None:
    with capture_logs() as lines:
        assert await secret_tokens().verify(token) is None
    assert [line["reason"] for line in lines] == [reason]
    assert not token or token not in str(lines)


async def test_a_token_may_have_16_kib() -> None:
    token = signed(CLAIMS | {"padding": "x" * 12_000})
    assert 16_000 < len(token) < MAX_TOKEN_LENGTH
    assert await secret_tokens().verify(token) is not None


@pytest.mark.parametrize("claim", ["nbf", "iat"])
async def test_an_issuers_clock_may_be_ahead_by_the_leeway(claim: str) -> None:
    tokens = secret_tokens(leeway=5, now=lambda: NOW)
    assert await tokens.verify(signed(CLAIMS | {claim: NOW + 5})) is not None
    assert await tokens.verify(signed(CLAIMS | {claim: NOW + 6})) is None


async def test_the_leeway_lengthens_no_tokens_life() -> None:
    tokens = secret_tokens(leeway=300, now=lambda: NOW)
    assert await tokens.verify(signed(CLAIMS | {"exp": NOW + 1})) is not None
    assert await tokens.verify(signed(CLAIMS | {"exp": NOW})) is None


def test_a_flood_of_refusals_is_counted_and_not_written() -> None:
    times = [5.0]
    log = RefusalLog("users", clock=lambda: times[0])
    with capture_logs() as lines:
        for _ in range(1000):
            log.record(Refusal.EXPIRED)
        times[0] = 6.0
        log.record(Refusal.SIGNATURE)
    assert len(lines) == LINES_PER_SECOND + 1
    assert lines[-1]["reason"] == "signature"
    assert lines[-1]["left_out"] == 1000 - LINES_PER_SECOND


async def test_the_right_secret_with_another_algorithm_is_refused() -> None:
    tokens = verifier(SingleKey(shared_secret(SECRET * 2)))
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
    assert await secret_tokens(leeway=5).verify(signed(claims)) is not None


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
    tokens = verifier(SingleKey(public_key(pem(private))))
    assert await tokens.verify(jwt.encode(CLAIMS, private, algorithm=algorithm)) is not None
    assert await tokens.verify(signed(CLAIMS)) is None


async def test_ed25519_has_two_names() -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    tokens = verifier(SingleKey(public_key(pem(private))))
    assert await tokens.verify(signed_with(CLAIMS, private, "Ed25519")) is not None


async def test_a_public_key_is_bound_to_one_algorithm() -> None:
    tokens = verifier(SingleKey(public_key(pem(RSA_KEY))))
    assert await tokens.verify(jwt.encode(CLAIMS, RSA_KEY, algorithm="RS512")) is None
    assert await tokens.verify(jwt.encode(CLAIMS, RSA_KEY, algorithm="PS256")) is None


async def test_a_public_key_is_no_secret_to_sign_with() -> None:
    text = pem(RSA_KEY)
    tokens = verifier(SingleKey(public_key(text)))
    secrets = [text.encode(), text.strip().encode()]
    for secret in secrets:
        key = jwt.PyJWK({"kty": "oct", "k": base64.urlsafe_b64encode(secret).decode()}, "HS256")
        head = f"{segment({'alg': 'HS256', 'typ': 'JWT'})}.{segment(CLAIMS)}"
        # Signed by hand: the library would not sign with such a key either.
        signature = key.Algorithm.sign(head.encode(), secret)
        forged = f"{head}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
        assert await tokens.verify(forged) is None


async def test_an_issued_token_is_taken_until_it_expires() -> None:
    rules = TokenRules(issuer="me", audience="unplug")
    trust = TokenTrust(keys=KeySource(secret=SECRET), rules=rules)
    token = issue(trust, str(USER), timedelta(hours=1))
    access = await secret_tokens(issuer="me", audience="unplug").verify(token)
    assert access is not None
    assert access.caller == USER
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
