"""Key sets as issuers publish them (JWK Set, RFC 7517), reduced to keys that verify signatures."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK

from infrastructure.security.signing_keys import MIN_RSA_BITS

MOST_TRIED = 8
"""Keys that one token may be tried with."""

_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_CURVES: Mapping[object, frozenset[str]] = {
    "P-256": frozenset({"ES256"}),
    "P-384": frozenset({"ES384"}),
    "P-521": frozenset({"ES512"}),
    "Ed25519": frozenset({"EdDSA", "Ed25519"}),  # two names of one algorithm (RFC 9864)
}
_CURVE_TYPES = {"EC": {"P-256", "P-384", "P-521"}, "OKP": {"Ed25519"}}


class _Unusable(Exception):
    """A member of a key set that does not verify signatures; its text says why."""


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """A key, and the algorithms that it may be used with: its own `alg`, else all of its type."""

    key_id: str | None
    algorithms: frozenset[str]
    _jwk: Mapping[str, Any]
    _bound: dict[str, PyJWK] = field(default_factory=dict)

    def bound_to(self, algorithm: str) -> PyJWK:
        """The key for one of its algorithms."""
        if algorithm not in self._bound:
            self._bound[algorithm] = _pyjwk(self._jwk, algorithm)
        return self._bound[algorithm]


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys that can be used, and how many can't, by the reason."""

    keys: Sequence[PublishedKey] = ()
    unusable: Mapping[str, int] = field(default_factory=dict)

    def find(self, key_id: str | None, algorithm: str) -> Sequence[PyJWK]:
        """The keys of that `kid`, or those without one, for an algorithm.

        A token without a `kid` may also be signed with the only key that fits.
        """
        fitting = [key for key in self.keys if algorithm in key.algorithms]
        unnamed = [key for key in fitting if key.key_id is None]
        named = [key for key in fitting if key.key_id is not None and key.key_id == key_id]
        if key_id is None and not unnamed and len(fitting) == 1:
            named = fitting
        return [key.bound_to(algorithm) for key in (named or unnamed)[:MOST_TRIED]]


def parse_key_set(body: bytes) -> KeySet:
    """Raises `ValueError` when it is no key set. Members that can't be used are counted."""
    try:
        members = json.loads(body)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError("is not a key set") from None
    if not isinstance(members, list):
        raise ValueError("is not a key set")  # noqa: TRY004 (a fault of a text, not of a caller)
    keys: list[PublishedKey] = []
    unusable: Counter[str] = Counter()
    for member in members:
        try:
            keys.append(_published(member))
        except _Unusable as reason:
            unusable[str(reason)] += 1
    return KeySet(keys, unusable)


def _published(jwk: object) -> PublishedKey:
    if not isinstance(jwk, dict) or not isinstance(key_id := jwk.get("kid"), str | None):
        raise _Unusable("malformed")
    if jwk.get("use") not in {"sig", None} or not _verifies(jwk.get("key_ops")):
        raise _Unusable("not_for_signatures")
    if "d" in jwk:
        raise _Unusable("private")
    algorithms = _algorithms(jwk)
    key = PublishedKey(key_id, algorithms, jwk)
    material = key.bound_to(next(iter(sorted(algorithms)))).key
    if isinstance(material, RSAPublicKey) and material.key_size < MIN_RSA_BITS:
        raise _Unusable("weak")
    return key


def _verifies(operations: object) -> bool:
    return operations is None or (isinstance(operations, list) and "verify" in operations)


def _algorithms(jwk: Mapping[str, Any]) -> frozenset[str]:
    """What its type allows, restricted to its own `alg`.

    A symmetric key in a published set would let everyone sign (RFC 8725, section 2.1).
    """
    curve = jwk.get("crv")
    if jwk.get("kty") == "RSA":
        allowed = _RSA
    elif isinstance(curve, str) and curve in _CURVE_TYPES.get(str(jwk.get("kty")), ()):
        allowed = _CURVES[curve]
    else:
        raise _Unusable("key_type")
    declared = jwk.get("alg")
    if declared is None:
        return allowed
    if declared not in allowed:
        raise _Unusable("algorithm")
    return allowed if curve == "Ed25519" else frozenset({declared})


def _pyjwk(jwk: Mapping[str, Any], algorithm: str) -> PyJWK:
    try:
        key = PyJWK(dict(jwk), "EdDSA" if algorithm == "Ed25519" else algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
        raise _Unusable("malformed") from None
    key.algorithm_name = algorithm  # PyJWT compares it with the token's, and lacks the newer name.
    return key
