"""Tokens that real authorization servers gave are ended there, as the servers themselves say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from domain.token_revocation import Misconfigured
from infrastructure.outbound_http import OutboundHttp
from infrastructure.providers.revoker import Revoker
from tests.integration.providers.revoking import ACCEPTED, revoker_of
from tests.support.servers.oauth import CLIENT, OAuthServer, OidcProvider
from tests.unit.infrastructure.providers.entries import known


@asynccontextmanager
async def revoker(server: OAuthServer, **keys: object) -> AsyncIterator[Revoker]:
    identifier, secret = CLIENT
    client = {"client_id": identifier, "client_secret": secret}
    entry = known("rfc7009", **{"endpoint": server.revocation, **client, **keys})
    async with revoker_of(entry, OutboundHttp()) as revoke:
        yield revoke


@pytest.mark.parametrize("hint", [False, True])
async def test_tokens_are_ended_and_a_refresh_gives_none(
    oauth_server: OAuthServer, hint: bool
) -> None:
    tokens, others = oauth_server.grant(), oauth_server.grant()
    assert all(oauth_server.is_active(tokens[name]) for name in ("access_token", "refresh_token"))
    async with revoker(oauth_server, token_type_hint=hint) as revoke:
        answers = await revoke.revoke("acme", tokens)
        again = await revoke.revoke("acme", tokens)
    assert answers == again == {"refresh_token": ACCEPTED, "access_token": ACCEPTED}
    assert not oauth_server.is_active(tokens["access_token"])
    assert not oauth_server.is_active(tokens["refresh_token"])
    assert oauth_server.refresh(tokens["refresh_token"]) == "invalid_grant"
    assert oauth_server.is_active(others["access_token"])
    assert oauth_server.refresh(others["refresh_token"]) is None


async def test_a_refresh_token_alone_ends_its_access_token(oauth_server: OAuthServer) -> None:
    tokens = oauth_server.grant()
    async with revoker(oauth_server, tokens=["refresh_token"]) as revoke:
        assert await revoke.revoke("acme", tokens) == {"refresh_token": ACCEPTED}
    assert not oauth_server.is_active(tokens["access_token"])


async def test_a_client_that_is_not_known_ends_nothing(oauth_server: OAuthServer) -> None:
    tokens = oauth_server.grant()
    async with revoker(oauth_server, client_secret="another") as revoke:
        answers = await revoke.revoke("acme", tokens)
    assert set(answers.values()) == {Misconfigured("invalid_client")}
    assert oauth_server.is_active(tokens["access_token"])
    assert oauth_server.refresh(tokens["refresh_token"]) is None


async def test_a_server_that_ends_grants_is_asked_once(oidc_provider: OidcProvider) -> None:
    first = oidc_provider.grant()
    sibling = oidc_provider.grant(of=first["grant"])
    server = oidc_provider.server()
    assert server.is_active(sibling["access_token"])
    async with revoker(server, ends="grant") as revoke:
        assert await revoke.revoke("acme", first) == {"refresh_token": ACCEPTED}
    assert server.refresh(sibling["refresh_token"]) == "invalid_grant"
    assert not server.is_active(sibling["access_token"])
