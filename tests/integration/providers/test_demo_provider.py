"""The demo's own provider: tokens that work, until they are ended for good."""

import httpx
import pytest

from domain.token_revocation import Misconfigured
from infrastructure.commands.demo.provider import NAME, DemoProvider
from infrastructure.outbound_http import OutboundHttp
from tests.integration.providers.revoking import ACCEPTED, GONE, SHORT, revoker_of


def ask(provider: DemoProvider, path: str, **form: str) -> httpx.Response:
    return httpx.post(f"{provider.url}{path}", data=form, auth=provider.client)


async def test_it_ends_a_grant_and_knows_that_it_has_ended() -> None:
    with DemoProvider() as provider:
        tokens, others = provider.grant("schwab"), provider.grant("chase")
        refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        fresh = ask(provider, "/token", **refresh).json()["access_token"]
        assert ask(provider, "/introspect", token=fresh).json() == {"active": True}
        entry = provider.catalogue().providers["schwab"]
        async with revoker_of(entry, OutboundHttp(SHORT)) as revoke:
            assert await revoke.revoke("acme", tokens) == {"refresh_token": ACCEPTED}
            assert set((await revoke.revoke("acme", tokens)).values()) == {GONE}
        for token in (*tokens.values(), fresh, "unknown"):
            assert ask(provider, "/introspect", token=token).json() == {"active": False}
        assert ask(provider, "/token", **refresh).json() == {"error": "invalid_grant"}
        assert ask(provider, "/introspect", token=others["access_token"]).json()["active"]


def test_its_page_says_what_works_and_that_it_is_a_demo() -> None:
    with DemoProvider() as provider:
        tokens = provider.grant("schwab")
        before = httpx.get(provider.url)
        ask(provider, "/revoke", token=tokens["access_token"])
        after = httpx.get(provider.url)
    assert f"<title>{NAME}</title>" in before.text
    assert before.headers["server"] == "Unplug-demo-provider"
    assert "schwab: access works" in before.text
    assert "schwab: access has ended" in after.text
    assert not any(token in after.text for token in tokens.values())


@pytest.mark.parametrize("path", ["/", "/revoke/", "/elsewhere"])
def test_nothing_else_is_there(path: str) -> None:
    with DemoProvider() as provider:
        assert ask(provider, path).status_code == 404


async def test_only_its_client_ends_anything() -> None:
    with DemoProvider() as provider:
        tokens = provider.grant("schwab")
        assert ask(provider, "/revoke", token="x" * 100_000).status_code == 413
        entry = provider.catalogue().providers["schwab"]
        stranger = entry.model_copy(update={"client_id": "stranger"})
        async with revoker_of(stranger, OutboundHttp(SHORT)) as revoke:
            answers = await revoke.revoke("acme", tokens)
        assert set(answers.values()) == {Misconfigured("invalid_client")}
        assert ask(provider, "/introspect", token=tokens["access_token"]).json()["active"]
