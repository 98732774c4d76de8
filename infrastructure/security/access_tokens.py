"""Bearer tokens: signed JWTs (RFC 7519, RFC 8725)."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Generic

import jwt
from jwt import PyJWK
from jwt.exceptions import InvalidSubjectError

from domain.ports import AccessToken, CallerT
from infrastructure.security.refusals import Refusal, RefusalLog, TokenRefused
from infrastructure.security.signing_keys import VerificationKeys
from infrastructure.security.token_trust import TokenRules

MAX_TOKEN_LENGTH = 16_384
CACHED_TOKENS = 16_384
"""Half a kilobyte each. The oldest goes first."""

CACHED_FOR = 60.0
"""Seconds until a token is verified again, so that a key that was withdrawn is noticed."""

_REASONS: Mapping[type[Exception], Refusal] = {
    jwt.InvalidIssuerError: Refusal.ISSUER,
    jwt.InvalidAudienceError: Refusal.AUDIENCE,
    InvalidSubjectError: Refusal.SUBJECT,
}
_MISSING = {"iss": Refusal.ISSUER, "aud": Refusal.AUDIENCE, "sub": Refusal.SUBJECT}


class JwtAccessTokens(Generic[CallerT]):
    """Verifies tokens, and remembers for a minute those that were valid.

    `caller_of` makes the caller of verified claims, or raises `TokenRefused`. The reason of a
    refusal stands in the operators' log; its client learns only that it is one.
    """

    def __init__(
        self,
        keys: VerificationKeys,
        rules: TokenRules,
        caller_of: Callable[[Mapping[str, Any]], CallerT],
        refusals: RefusalLog,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._rules = rules
        self._now = now
        self._caller_of = caller_of
        self._refusals = refusals
        self._verified: dict[bytes, tuple[AccessToken[CallerT], float]] = {}

    async def verify(self, token: str) -> AccessToken[CallerT] | None:
        """None for every token that isn't valid now. Raises `KeysUnavailable`."""
        digest = sha256(token.encode(errors="surrogatepass")).digest()
        known = self._verified.get(digest)
        if known is not None:
            access, good_until = known
            if self._now() < good_until:
                return access
            del self._verified[digest]
        try:
            access = await self._verify_anew(token)
        except TokenRefused as refused:
            self._refusals.record(refused.reason)
            return None
        if len(self._verified) >= CACHED_TOKENS:
            del self._verified[next(iter(self._verified))]
        good_until = min(access.expires_at.timestamp(), self._now() + CACHED_FOR)
        self._verified[digest] = (access, good_until)
        return access

    async def _verify_anew(self, token: str) -> AccessToken[CallerT]:
        if len(token) > MAX_TOKEN_LENGTH:
            raise TokenRefused(Refusal.TOO_LONG)
        claims = await self._signed_claims(token)
        other = self._rules.other_audience
        if other is not None and other in _audiences(claims):
            raise TokenRefused(Refusal.AUDIENCE)
        return AccessToken(caller=self._caller_of(claims), expires_at=self._expiry(claims))

    async def _signed_claims(self, token: str) -> Mapping[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            key_id, algorithm = header.get("kid"), str(header["alg"])
        except (jwt.PyJWTError, ValueError, KeyError):
            raise TokenRefused(Refusal.MALFORMED) from None
        refusal = Refusal.UNKNOWN_KEY
        for key in await self._keys.find(key_id, algorithm):
            try:
                return self._claims(token, key)
            except jwt.InvalidSignatureError:
                refusal = Refusal.SIGNATURE
        raise TokenRefused(refusal)

    def _claims(self, token: str, key: PyJWK) -> Mapping[str, Any]:
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                issuer=self._rules.issuer,
                audience=self._rules.audience,
                options={
                    "require": ["exp", "sub"],
                    "verify_aud": self._rules.audience is not None,
                    "verify_exp": False,  # our clock, below
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidSignatureError:
            raise
        except jwt.MissingRequiredClaimError as error:
            raise TokenRefused(_MISSING.get(error.claim, Refusal.MALFORMED)) from None
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise TokenRefused(_REASONS.get(type(error), Refusal.MALFORMED)) from None

    def _expiry(self, claims: Mapping[str, Any]) -> datetime:
        """`exp` without leeway: the issuer decides how long a token lives."""
        now = self._now()
        for name in ("nbf", "iat"):
            if name in claims and _numeric_date(claims[name]) > now + self._rules.leeway:
                raise TokenRefused(Refusal.NOT_YET_VALID)
        expires = _numeric_date(claims["exp"])
        if now >= expires:
            raise TokenRefused(Refusal.EXPIRED)
        try:
            return datetime.fromtimestamp(expires, UTC)
        except (ValueError, OverflowError, OSError):
            raise TokenRefused(Refusal.MALFORMED) from None


def _audiences(claims: Mapping[str, Any]) -> Sequence[object]:
    audience = claims.get("aud")
    return audience if isinstance(audience, list) else [audience] if audience is not None else []


def _numeric_date(claim: object) -> int:
    """RFC 7519, section 2."""
    if isinstance(claim, bool) or not isinstance(claim, int | float) or not math.isfinite(claim):
        raise TokenRefused(Refusal.MALFORMED)
    return int(claim)
