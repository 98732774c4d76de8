"""Which tokens are accepted, and such tokens signed by Unplug itself."""

import time
from dataclasses import dataclass, field
from datetime import timedelta

import jwt

from infrastructure.failures import SettingsError
from infrastructure.security.signing_keys import shared_secret


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTrust:
    """Which tokens are accepted: one of `secret`, `public_key` (PEM) and `keys_url` is set.

    `issuer` and `audience` are required of a token when they are set. `leeway` is in seconds.
    """

    secret: str | None = field(default=None, repr=False)
    public_key: str | None = None
    keys_url: str | None = None
    issuer: str | None = None
    audience: str | None = None
    leeway: float = 0.0

    @property
    def claims(self) -> dict[str, str]:
        """What an accepted token says beside its subject and times."""
        claims = {"iss": self.issuer, "aud": self.audience}
        return {name: value for name, value in claims.items() if value is not None}


def issue(trust: TokenTrust, subject: str, expires_in: timedelta) -> str:
    """A token, valid from now on for at least a second, signed with the shared secret.

    Raises `SettingsError` without one.
    """
    if trust.secret is None:
        raise SettingsError(
            "UNPLUG_TOKEN_SECRET: needed to sign tokens. "
            "With a public key or a JWKS URL, the issuer of its private key signs them."
        )
    now = int(time.time())
    seconds = max(1, round(expires_in.total_seconds()))
    claims = {"sub": subject, "iat": now, "exp": now + seconds, **trust.claims}
    return jwt.encode(claims, shared_secret(trust.secret))
