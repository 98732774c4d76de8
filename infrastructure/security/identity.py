"""Who may ask: tokens verified, and issued, as the settings say."""

from datetime import timedelta

from domain.identifiers import UserId
from infrastructure.failures import SettingsError
from infrastructure.security.access_tokens import (
    JwtAccessTokens,
    SingleKey,
    VerificationKeys,
    issue_token,
)
from infrastructure.security.jwks import JwksKeys
from infrastructure.security.signing_keys import public_key, shared_secret
from infrastructure.settings import Settings


def access_tokens(settings: Settings) -> JwtAccessTokens:
    """The verifier of bearer tokens. Raises `SettingsError` when no setting says whose."""
    return JwtAccessTokens(
        _keys(settings), issuer=settings.token_issuer, audience=settings.token_audience
    )


def issue(settings: Settings, user_id: UserId, expires_in: timedelta) -> str:
    """A token for a user, signed with the shared secret. Raises `SettingsError` without one."""
    if settings.token_secret is None:
        raise SettingsError(
            "UNPLUG_TOKEN_SECRET: needed to sign tokens. "
            "With a public key or a JWKS URL, the issuer of its private key signs them."
        )
    return issue_token(
        shared_secret(settings.token_secret.get_secret_value()),
        user_id,
        expires_in,
        issuer=settings.token_issuer,
        audience=settings.token_audience,
    )


def _keys(settings: Settings) -> VerificationKeys:
    if settings.token_secret is not None:
        return SingleKey(shared_secret(settings.token_secret.get_secret_value()))
    if settings.token_public_key is not None:
        return SingleKey(public_key(settings.token_public_key))
    if settings.token_jwks_url is not None:
        return JwksKeys(settings.token_jwks_url)
    raise SettingsError(
        "UNPLUG_TOKEN_SECRET: set it (32 bytes or more: `openssl rand -base64 32`), or "
        "UNPLUG_TOKEN_PUBLIC_KEY, or UNPLUG_TOKEN_JWKS_URL, to say whose tokens are taken."
    )
