"""Key sets in the shapes in which issuers publish them, and what is refused in them.

The members are those of each issuer's own documents; the keys are made here.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt import PyJWK

from infrastructure.security.access_tokens import JwtAccessTokens
from infrastructure.security.callers import user_of
from infrastructure.security.key_set import KeySet, parse_key_set
from infrastructure.security.refusals import RefusalLog
from infrastructure.security.token_trust import TokenRules
from tests.support.published_keys import Jwk, PrivateKey, jwk_of, signed

RSA, OTHER_RSA = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
SMALL_RSA = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 (refused)
P256, OTHER_P256 = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
P384, P521 = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP521R1())
ED25519 = ed25519.Ed25519PrivateKey.generate()
CERTIFICATE = {"x5t": "thumbprint", "x5t#S256": "thumbprint", "x5c": ["MIIC+DCC"]}
CLAIMS = {
    "sub": "0192f0c1-2345-7abc-8def-0123456789ab",
    "exp": int(datetime.now(UTC).timestamp()) + 3600,
}


class FixedKeys:
    """`VerificationKeys` of a set that does not change."""

    healthy = True

    def __init__(self, *jwks: object) -> None:
        self._set = parse_key_set(json.dumps({"keys": jwks}).encode())

    async def find(self, key_id: str | None, algorithm: str) -> Sequence[PyJWK]:
        return self._set.find(key_id, algorithm)


async def accepted(token: str, *jwks: object) -> bool:
    keys = FixedKeys(*jwks)
    tokens = JwtAccessTokens(keys, TokenRules(), user_of, RefusalLog("users"))
    return await tokens.verify(token) is not None


RS256_SIG = {"alg": "RS256", "use": "sig"}
ISSUERS: dict[str, tuple[list[Jwk], PrivateKey, str, str | None]] = {
    "Google": (
        [jwk_of(RSA, **RS256_SIG, kid="7d3"), jwk_of(OTHER_RSA, **RS256_SIG, kid="f83")],
        RSA,
        "RS256",
        "7d3",
    ),
    "Microsoft Entra ID, without alg": (
        [
            jwk_of(
                RSA,
                use="sig",
                kid="JYh",
                **CERTIFICATE,
                cloud_instance_name="microsoftonline.com",
                issuer="https://login.microsoftonline.com/{tenantid}/v2.0",
            ),
            jwk_of(OTHER_RSA, use="sig", kid="OzZ", **CERTIFICATE),
        ],
        OTHER_RSA,
        "RS256",
        "OzZ",
    ),
    "Apple": ([jwk_of(RSA, **RS256_SIG, kid="T8t")], RSA, "RS256", "T8t"),
    "Auth0": ([jwk_of(RSA, **RS256_SIG, kid="NjV", **CERTIFICATE)], RSA, "RS256", "NjV"),
    "Okta": ([jwk_of(RSA, **RS256_SIG, kid="U5R8")], RSA, "RS256", "U5R8"),
    "AWS Cognito": (
        [jwk_of(RSA, **RS256_SIG, kid="1234="), jwk_of(OTHER_RSA, **RS256_SIG, kid="5678=")],
        OTHER_RSA,
        "RS256",
        "5678=",
    ),
    "Keycloak, with a key for encryption": (
        [
            jwk_of(OTHER_RSA, alg="RSA-OAEP", use="enc", kid="enc", **CERTIFICATE),
            jwk_of(RSA, **RS256_SIG, kid="sig", **CERTIFICATE),
        ],
        RSA,
        "RS256",
        "sig",
    ),
    "Supabase, with key_ops": (
        [jwk_of(P256, alg="ES256", use="sig", kid="b5", key_ops=["verify"], ext=True)],
        P256,
        "ES256",
        "b5",
    ),
    "PingOne AIC and OpenAM, one kid with several alg": (
        [
            *(jwk_of(RSA, use="sig", kid="wU3", alg=a) for a in ("RS512", "RS384", "RS256")),
            *(jwk_of(RSA, use="sig", kid="wU3", alg=a) for a in ("PS512", "PS384", "PS256")),
        ],
        RSA,
        "PS384",
        "wU3",
    ),
    "PingFederate, one RSA key without alg for all": (
        [
            jwk_of(P256, use="sig", kid="k1", alg="ES256"),
            jwk_of(P384, use="sig", kid="k2", alg="ES384"),
            jwk_of(RSA, use="sig", kid="k3", **CERTIFICATE),
        ],
        RSA,
        "RS384",
        "k3",
    ),
    "Salesforce, with numbers as kid": (
        [jwk_of(RSA, **RS256_SIG, kid="200"), jwk_of(OTHER_RSA, **RS256_SIG, kid="202")],
        OTHER_RSA,
        "RS256",
        "202",
    ),
    "Cloudflare Access": ([jwk_of(RSA, **RS256_SIG, kid="1a2")], RSA, "RS256", "1a2"),
    "Kubernetes": ([jwk_of(RSA, **RS256_SIG, kid="a-z")], RSA, "RS256", "a-z"),
    "Zitadel, with Ed25519": (
        [jwk_of(ED25519, alg="EdDSA", use="sig", kid="280"), jwk_of(RSA, **RS256_SIG, kid="281")],
        ED25519,
        "EdDSA",
        "280",
    ),
    "a fully specified algorithm (RFC 9864)": (
        [jwk_of(ED25519, alg="Ed25519", use="sig", kid="e")],
        ED25519,
        "Ed25519",
        "e",
    ),
    "Ed25519 by its newer name, published by its older one": (
        [jwk_of(ED25519, alg="EdDSA", kid="e")],
        ED25519,
        "Ed25519",
        "e",
    ),
    "an EC key without alg": ([jwk_of(P521, kid="e")], P521, "ES512", "e"),
    "keys without kid, of different types": ([jwk_of(RSA), jwk_of(P256)], P256, "ES256", None),
    "keys without kid, during a rotation": (
        [jwk_of(P256), jwk_of(OTHER_P256)],
        OTHER_P256,
        "ES256",
        None,
    ),
    "a key without kid, for a token with one": ([jwk_of(P256)], P256, "ES256", "unpublished"),
    "one kid for two keys of one type": (
        [jwk_of(P256, kid="e"), jwk_of(OTHER_P256, kid="e")],
        OTHER_P256,
        "ES256",
        "e",
    ),
}


@pytest.mark.parametrize(
    ("jwks", "private", "algorithm", "key_id"), ISSUERS.values(), ids=ISSUERS.keys()
)
async def test_tokens_of_well_known_issuers_are_accepted(
    jwks: list[Jwk], private: PrivateKey, algorithm: str, key_id: str | None
) -> None:
    assert await accepted(signed(CLAIMS, private, algorithm, key_id), *jwks)


@pytest.mark.filterwarnings("ignore:The RSA key is 1024 bits")
@pytest.mark.parametrize(
    ("jwk", "private", "algorithm", "reason"),
    [
        pytest.param(jwk_of(SMALL_RSA, kid="k"), SMALL_RSA, "RS256", "weak", id="RSA 1024"),
        pytest.param(
            jwk_of(P256, kid="k", key_ops=["sign"]), P256, "ES256", "not_for_signatures", id="sign"
        ),
        pytest.param(
            jwk_of(P256, kid="k", key_ops="verify"), P256, "ES256", "not_for_signatures", id="text"
        ),
        pytest.param(
            jwk_of(P256, kid="k", key_ops=[]), P256, "ES256", "not_for_signatures", id="no key_ops"
        ),
        pytest.param(
            jwk_of(RSA, kid="k", use="enc"), RSA, "RS256", "not_for_signatures", id="encryption"
        ),
        pytest.param(
            jwk_of(RSA, kid="k", alg="RSA-OAEP"), RSA, "RS256", "algorithm", id="another alg"
        ),
        pytest.param(
            jwk_of(P256, kid="k", alg="ES384"), P256, "ES256", "algorithm", id="another curve's alg"
        ),
        pytest.param(jwk_of(P256, kid="k", d="AQAB"), P256, "ES256", "private", id="a private key"),
        pytest.param(jwk_of(P256, kid=7), P256, "ES256", "malformed", id="kid is a number"),
        pytest.param(
            jwk_of(P256, kid="k") | {"x": "AAAA"}, P256, "ES256", "malformed", id="no such point"
        ),
        pytest.param(
            jwk_of(P256, kid="k") | {"crv": "secp256k1"}, P256, "ES256", "key_type", id="curve"
        ),
        pytest.param(
            {"kty": "oct", "k": "A" * 43, "kid": "k"}, P256, "ES256", "key_type", id="a secret"
        ),
        pytest.param("rubbish", P256, "ES256", "malformed", id="no object"),
    ],
)
async def test_a_key_that_does_not_verify_signatures_is_counted_and_not_used(
    jwk: object, private: PrivateKey, algorithm: str, reason: str
) -> None:
    good = jwk_of(P521, kid="good")
    parsed = parse_key_set(json.dumps({"keys": [jwk, good]}).encode())
    assert parsed.unusable == {reason: 1}
    assert not await accepted(signed(CLAIMS, private, algorithm, "k"), jwk, good)
    assert await accepted(signed(CLAIMS, P521, "ES512", "good"), jwk, good)


async def test_a_key_is_used_with_its_own_algorithm_alone() -> None:
    jwk = jwk_of(RSA, kid="k", alg="RS256")
    assert not await accepted(signed(CLAIMS, RSA, "RS512", "k"), jwk)
    assert not await accepted(signed(CLAIMS, RSA, "PS256", "k"), jwk)


async def test_a_token_without_a_kid_may_be_signed_with_the_only_key_that_fits() -> None:
    named = [jwk_of(P256, kid="a"), jwk_of(OTHER_P256, kid="b"), jwk_of(RSA, kid="c")]
    assert await accepted(signed(CLAIMS, RSA, "RS256"), *named)
    assert not await accepted(signed(CLAIMS, P256, "ES256"), *named)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b'{"keys": {}}', b"\xff\xfe", b"[" * 100_000, b"null"],
)
def test_what_is_no_key_set_is_told_apart_from_an_empty_one(body: bytes) -> None:
    with pytest.raises(ValueError, match="not a key set"):
        parse_key_set(body)
    assert parse_key_set(b'{"keys": []}') == KeySet([], {})
