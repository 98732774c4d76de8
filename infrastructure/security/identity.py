"""Verification and issuing of tokens, from plain values."""

from dataclasses import dataclass, field
from datetime import timedelta

from domain.identifiers import UserId
from infrastructure.failures import SettingsError
from infrastructure.security.access_tokens import (
    JwtAccessTokens,
    SingleKey,
    VerificationKeys,
    issue_token,
)
from infrastructure.security.jwks import PublishedKeys
from infrastructure.security.signing_keys import public_key, shared_secret


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTrust:
    """Which tokens are accepted: at most one of `secret`, `public_key` (PEM) and `keys_url` is set.

    `issuer` and `audience` are required of a token when they are set.
    """

    secret: str | None = field(default=None, repr=False)
    public_key: str | None = None
    keys_url: str | None = None
    issuer: str | None = None
    audience: str | None = None


def access_tokens(trust: TokenTrust) -> JwtAccessTokens:
    """The verifier of bearer tokens. Raises `SettingsError` when there is no key."""
    return JwtAccessTokens(_keys(trust), issuer=trust.issuer, audience=trust.audience)


def issue(trust: TokenTrust, user_id: UserId, expires_in: timedelta) -> str:
    """A token for a user, signed with the shared secret. Raises `SettingsError` without one."""
    if trust.secret is None:
        raise SettingsError(
            "UNPLUG_TOKEN_SECRET: needed to sign tokens. "
            "With a public key or a JWKS URL, the issuer of its private key signs them."
        )
    return issue_token(
        shared_secret(trust.secret),
        user_id,
        expires_in,
        issuer=trust.issuer,
        audience=trust.audience,
    )


def _keys(trust: TokenTrust) -> VerificationKeys:
    if trust.secret is not None:
        return SingleKey(shared_secret(trust.secret))
    if trust.public_key is not None:
        return SingleKey(public_key(trust.public_key))
    if trust.keys_url is not None:
        return PublishedKeys(trust.keys_url)
    raise SettingsError(
        "UNPLUG_TOKEN_SECRET: set it (32 bytes or more: `openssl rand -base64 32`), or "
        "UNPLUG_TOKEN_PUBLIC_KEY, or UNPLUG_TOKEN_JWKS_URL, to say whose tokens are accepted."
    )
