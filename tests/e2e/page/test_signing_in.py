"""The access token: taken from the address or a field, and kept nowhere but in the tab's memory."""

import pytest
from playwright.async_api import Page, expect

from tests.e2e.page.visiting.browser import Visitor
from tests.e2e.page.visiting.screen import card, is_up_to_date, open_page, sign_in, status
from tests.e2e.page.visiting.scripted_api import ORIGIN, ScriptedApi

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def signed_out(visitor: Visitor) -> Page:
    page = await visitor.page()
    await page.goto(f"{ORIGIN}/")
    return page


async def test_a_token_in_the_address_is_taken_out_of_it_and_stored_nowhere(
    visitor: Visitor,
) -> None:
    page = await open_page(visitor)
    await is_up_to_date(page)
    assert page.url == f"{ORIGIN}/"
    stored = await page.evaluate(
        """async () => JSON.stringify([
          {...localStorage}, {...sessionStorage}, document.cookie, history.state,
          "caches" in self ? await caches.keys() : [], document.documentElement.outerHTML,
        ])"""
    )
    assert "token-1" not in stored


async def test_a_reload_forgets_the_token(visitor: Visitor) -> None:
    page = await open_page(visitor)
    await is_up_to_date(page)
    await page.reload()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await expect(page.get_by_label("Access token")).to_have_value("")
    await expect(card(page, "Schwab")).to_be_hidden()


async def test_without_a_token_the_page_asks_for_one(visitor: Visitor, api: ScriptedApi) -> None:
    visitor.network_may_fail = True
    page = await signed_out(visitor)
    await expect(status(page)).to_have_text("Signed out")
    await expect(page.get_by_label("Access token")).to_be_focused()
    await expect(page.get_by_role("heading", name="Connections")).to_be_hidden()
    assert api.operations == []

    await sign_in(page, "nonsense")
    await expect(page.get_by_role("alert")).to_contain_text("This token was not accepted")
    await expect(page.get_by_label("Access token")).to_have_value("")
    await sign_in(page, "  token-1 ")
    await is_up_to_date(page)
    await expect(card(page, "Schwab")).to_be_visible()


async def test_an_expired_token_in_the_address_is_said_to_be_refused(visitor: Visitor) -> None:
    visitor.network_may_fail = True
    page = await open_page(visitor, token="token-0")
    await expect(page.get_by_role("alert")).to_contain_text("This token was not accepted")


async def test_signing_out_leaves_nothing_on_the_screen(visitor: Visitor) -> None:
    page = await open_page(visitor)
    await card(page, "Schwab").wait_for()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await expect(card(page, "Schwab")).to_have_count(0)


async def test_another_address_signs_somebody_else_in(visitor: Visitor, api: ScriptedApi) -> None:
    page = await signed_out(visitor)
    await page.evaluate("location.hash = 'token=token-1'")
    await is_up_to_date(page)
    api.tokens = {"token-2"}
    api.connections[0]["provider"]["slug"] = "another-users"
    await page.evaluate("location.hash = 'token=token-2'")
    await expect(card(page, "Another Users")).to_be_visible()
    assert page.url == f"{ORIGIN}/"
