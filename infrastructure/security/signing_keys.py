"""Keys that signatures are verified with, each bound to the algorithms it may be used with."""

import base64
from collections.abc import Sequence
from copy import copy
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt import PyJWK
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

MIN_SECRET_BYTES = 32  # RFC 7518, section 3.2
MIN_RSA_BITS = 2048  # RFC 7518, section 3.3

_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


class VerificationKeys(Protocol):
    """The keys that tokens may be signed with."""

    @property
    def healthy(self) -> bool:
        """Whether the keys are known and current."""

    async def find(self, key_id: str | None, algorithm: str) -> Sequence[PyJWK]:
        """The keys that fit a token's `kid` and `alg`, each bound to that algorithm.

        Raises `KeysUnavailable` when it isn't known whether there are any.
        """


class SingleKey:
    """One key for all tokens, of any `kid`."""

    healthy = True

    def __init__(self, key: PyJWK) -> None:
        self._keys = {key.algorithm_name: key}
        if key.algorithm_name == "EdDSA":
            self._keys["Ed25519"] = renamed = copy(key)  # RFC 9864
            renamed.algorithm_name = "Ed25519"

    async def find(self, key_id: str | None, algorithm: str) -> Sequence[PyJWK]:  # noqa: ARG002 (the port's)
        """The key, for its algorithm alone."""
        key = self._keys.get(algorithm)
        return [] if key is None else [key]


def shared_secret(secret: str) -> PyJWK:
    """A key for HS256. Raises `ValueError` when the secret is too short."""
    raw = secret.encode()
    if len(raw) < MIN_SECRET_BYTES:
        raise ValueError(f"needs {MIN_SECRET_BYTES} bytes or more, and has {len(raw)}")
    if "-----BEGIN" in secret:
        raise ValueError("is a key pair's key, not a secret")
    k = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    return PyJWK({"kty": "oct", "k": k}, "HS256")


def public_key(pem: str) -> PyJWK:
    """A key for RS256, ES256/384/512 or EdDSA, by its type. Raises `ValueError` for all others."""
    try:
        key = load_pem_public_key(pem.replace("\\n", "\n").encode())
    except (ValueError, TypeError) as error:
        raise ValueError("is not a public key in PEM form") from error
    match key:
        case RSAPublicKey() if key.key_size >= MIN_RSA_BITS:
            return PyJWK(RSAAlgorithm.to_jwk(key, as_dict=True), "RS256")
        case RSAPublicKey():
            raise ValueError(f"has {key.key_size} bits; RSA needs {MIN_RSA_BITS} or more")
        case EllipticCurvePublicKey() if key.curve.name in _CURVES:
            return PyJWK(ECAlgorithm.to_jwk(key, as_dict=True), _CURVES[key.curve.name])
        case Ed25519PublicKey():
            return PyJWK(OKPAlgorithm.to_jwk(key, as_dict=True), "EdDSA")
        case _:
            raise ValueError("is of another type than RSA, EC (P-256, P-384, P-521) or Ed25519")
