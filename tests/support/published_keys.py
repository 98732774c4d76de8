"""Key pairs, and how issuers publish their public halves."""

import base64
import json
from collections.abc import Mapping
from typing import Any, TypeAlias

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
Jwk: TypeAlias = dict[str, Any]


def jwk_of(private: PrivateKey, **members: object) -> Jwk:
    """The public half as a JWK, with these members beside the key's own."""
    public = private.public_key()
    match public:
        case rsa.RSAPublicKey():
            jwk = RSAAlgorithm.to_jwk(public, as_dict=True)
        case ec.EllipticCurvePublicKey():
            jwk = ECAlgorithm.to_jwk(public, as_dict=True)
        case _:
            jwk = OKPAlgorithm.to_jwk(public, as_dict=True)
    jwk.pop("key_ops", None)
    return {**jwk, **members}


def signed(
    claims: Mapping[str, object], private: PrivateKey, algorithm: str, key_id: str | None = None
) -> str:
    """A token. Ed25519 may be named as RFC 9864 does, which PyJWT can't."""
    header = {} if key_id is None else {"kid": key_id}
    if algorithm != "Ed25519":
        return jwt.encode(dict(claims), private, algorithm=algorithm, headers=header)
    assert isinstance(private, ed25519.Ed25519PrivateKey)
    head = f"{segment({'alg': algorithm, **header})}.{segment(claims)}"
    return f"{head}.{_base64(private.sign(head.encode()))}"


def segment(value: object) -> str:
    """A part of a token: JSON in base64url."""
    return _base64(json.dumps(value).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
