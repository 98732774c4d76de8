"""Bearer tokens: signed JWTs (RFC 7519, RFC 8725) whose `sub` is the user's UUID."""

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import jwt
from jwt import PyJWK

from domain.identifiers import UserId
from domain.ports import AccessToken

MAX_TOKEN_LENGTH = 8192
CACHED_TOKENS = 4096
CACHED_FOR = 60.0
"""Seconds until a token is verified again, so that a key that was withdrawn is noticed."""


class VerificationKeys(Protocol):
    """The keys that tokens may be signed with, each bound to one algorithm."""

    async def find(self, key_id: str | None) -> PyJWK | None:
        """The key for a token's `kid`, or None. It never raises."""


class SingleKey:
    """One key for all tokens, whatever their `kid`."""

    def __init__(self, key: PyJWK) -> None:
        self._key = key

    async def find(self, key_id: str | None) -> PyJWK | None:  # noqa: ARG002 (the port's signature)
        """Always the one key."""
        return self._key


class JwtAccessTokens:
    """Verifies tokens, and remembers for a minute those that were valid.

    Why a token is refused is nobody's business but its issuer's: it is neither said nor logged.
    """

    def __init__(
        self,
        keys: VerificationKeys,
        *,
        issuer: str | None = None,
        audience: str | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._now = now
        self._verified: dict[str, tuple[AccessToken, float]] = {}

    async def verify(self, token: str) -> AccessToken | None:
        """None for every token that isn't valid now, whatever the reason."""
        known = self._verified.get(token)
        if known is not None:
            access, good_until = known
            if self._now() < good_until:
                return access
            del self._verified[token]
        if len(token) > MAX_TOKEN_LENGTH:
            return None
        return await self._verify_anew(token)

    async def _verify_anew(self, token: str) -> AccessToken | None:
        try:
            key = await self._keys.find(jwt.get_unverified_header(token).get("kid"))
            if key is None:
                return None
            claims = self._claims(token, key)
            expires = _expiry(claims["exp"])
            access = AccessToken(
                user_id=_user_id(claims["sub"]), expires_at=datetime.fromtimestamp(expires, UTC)
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, OSError):
            return None  # Not UTF-8, a time without end, …: all the same.
        now = self._now()
        if now >= expires:
            return None
        if len(self._verified) >= CACHED_TOKENS:
            del self._verified[next(iter(self._verified))]
        self._verified[token] = (access, min(expires, now + CACHED_FOR))
        return access

    def _claims(self, token: str, key: PyJWK) -> dict[str, Any]:
        return jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            issuer=self._issuer,
            audience=self._audience,
            options={
                "require": ["exp", "sub"],
                "verify_aud": self._audience is not None,
                "verify_iat": False,  # RFC 7519 4.1.6 asks for nothing; clocks differ.
            },
        )


def _expiry(claim: object) -> int:
    if isinstance(claim, bool) or not isinstance(claim, int | float) or not math.isfinite(claim):
        raise ValueError("exp is not a NumericDate")
    return int(claim)


def _user_id(claim: str) -> UserId:
    user_id = UserId(UUID(claim))
    if str(user_id) != claim.lower():
        raise ValueError("sub is not a UUID in its usual form")
    return user_id


def issue_token(
    key: PyJWK,
    user_id: UserId,
    expires_in: timedelta,
    *,
    issuer: str | None = None,
    audience: str | None = None,
) -> str:
    """A token that `JwtAccessTokens` with the same key, issuer and audience takes."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "sub": str(user_id),
        "iat": now,
        "exp": now + max(1, round(expires_in.total_seconds())),
    }
    if issuer is not None:
        claims["iss"] = issuer
    if audience is not None:
        claims["aud"] = audience
    return jwt.encode(claims, key)
