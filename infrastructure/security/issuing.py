"""Tokens that Unplug signs itself, with the shared secret."""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import jwt

from infrastructure.failures import SettingsError
from infrastructure.security.signing_keys import shared_secret
from infrastructure.security.token_trust import TokenTrust


def issue(
    trust: TokenTrust, subject: str, expires_in: timedelta, scopes: Sequence[str] | None = None
) -> str:
    """A token that `trust` accepts, for at least a second, signed with the shared secret.

    Raises `SettingsError` without one.
    """
    if trust.keys.secret is None:
        raise SettingsError(
            "UNPLUG_TOKEN_SECRET: needed to sign tokens. "
            "With a public key or a JWKS URL, the issuer of its private key signs them."
        )
    now = int(time.time())
    claims: dict[str, Any] = {
        "sub": subject,
        "iat": now,
        "exp": now + max(1, round(expires_in.total_seconds())),
        "iss": trust.rules.issuer,
        "aud": trust.rules.audience,
        "scope": None if scopes is None else " ".join(scopes),
    }
    said = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(said, shared_secret(trust.keys.secret))
