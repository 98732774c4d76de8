"""The verification of tokens, put together from plain values."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infrastructure.outbound_http import OutboundHttp
from infrastructure.security.access_tokens import JwtAccessTokens, TokenRules
from infrastructure.security.issuing import TokenTrust
from infrastructure.security.jwks import KEY_SET_LIMITS, PublishedKeys
from infrastructure.security.signing_keys import (
    SingleKey,
    VerificationKeys,
    public_key,
    shared_secret,
)


@asynccontextmanager
async def verification_keys(trust: TokenTrust, *, proxies: bool) -> AsyncIterator[VerificationKeys]:
    """The keys that tokens may be signed with. A published key set is fetched until the end.

    `proxies`: whether the environment's proxies are used for that.
    """
    if trust.secret is not None:
        yield SingleKey(shared_secret(trust.secret))
    elif trust.public_key is not None:
        yield SingleKey(public_key(trust.public_key))
    elif trust.keys_url is not None:
        async with (
            OutboundHttp(KEY_SET_LIMITS, proxies=proxies) as http,
            PublishedKeys(trust.keys_url, http) as keys,
        ):
            yield keys


def access_tokens(trust: TokenTrust, keys: VerificationKeys) -> JwtAccessTokens:
    """The verifier of users' tokens."""
    rules = TokenRules(issuer=trust.issuer, audience=trust.audience, leeway=trust.leeway)
    return JwtAccessTokens(keys, rules)
