"""The verification of tokens, put together from plain values."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.identifiers import UserId
from domain.ports import ServiceCaller
from infrastructure.outbound_http import OutboundHttp
from infrastructure.security.access_tokens import JwtAccessTokens
from infrastructure.security.callers import service_of, user_of
from infrastructure.security.jwks import KEY_SET_LIMITS, PublishedKeys
from infrastructure.security.refusals import RefusalLog
from infrastructure.security.signing_keys import (
    SingleKey,
    VerificationKeys,
    public_key,
    shared_secret,
)
from infrastructure.security.token_trust import KeySource, TokenTrust


@asynccontextmanager
async def verification_keys(source: KeySource, *, proxies: bool) -> AsyncIterator[VerificationKeys]:
    """The keys that tokens may be signed with. A published key set is fetched until the end.

    `proxies`: whether the environment's proxies are used for that. Raises `ValueError` for a source
    without a key.
    """
    if source.secret is not None:
        yield SingleKey(shared_secret(source.secret))
    elif source.public_key is not None:
        yield SingleKey(public_key(source.public_key))
    elif source.url is not None:
        async with (
            OutboundHttp(KEY_SET_LIMITS, proxies=proxies) as http,
            PublishedKeys(source.url, http) as keys,
        ):
            yield keys
    else:
        raise ValueError("there is no key")


def user_tokens(trust: TokenTrust, keys: VerificationKeys) -> JwtAccessTokens[UserId]:
    """The verifier of users' tokens. It refuses services' tokens, by their audience."""
    return JwtAccessTokens(keys, trust.rules, user_of, RefusalLog("users"))


def service_tokens(trust: TokenTrust, keys: VerificationKeys) -> JwtAccessTokens[ServiceCaller]:
    """The verifier of services' tokens."""
    return JwtAccessTokens(keys, trust.rules, service_of, RefusalLog("services"))
