"""Whose page it is, and names of any length, script and direction."""

import base64
import re

import pytest
from playwright.async_api import Browser, expect

from infrastructure.web.page import Logo, PageContent, ShownProvider
from tests.e2e.page.visiting.browser import Visitor, visiting
from tests.e2e.page.visiting.screen import card, confirm, is_up_to_date, open_page
from tests.e2e.page.visiting.scripted_api import ORIGIN, ScriptedApi

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerk"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


async def test_it_says_whose_app_it_is_and_what_providers_are_called(browser: Browser) -> None:
    api = ScriptedApi(
        PageContent(
            app_name="Möney & <Friends>",
            reconnect_url="https://money.example/connect",
            privacy_url="https://money.example/privacy?a=1&b=2",
            providers={
                "schwab": ShownProvider(
                    name="Charles Schwab", logo=Logo(suffix=".png", content=PNG)
                ),
                "chase": ShownProvider(name="בנק דוגמה"),
                "indigo": ShownProvider(name="in"),
            },
        )
    )
    api.connect("schwab", status="EXPIRED")
    api.connect("chase")
    api.connect("indigo", status="EXPIRED")
    async with visiting(browser, ORIGIN, api.serve) as visitor:
        page = await open_page(visitor)
        await expect(page).to_have_title(re.compile("Your connected providers . Möney & <Friends>"))
        await expect(page.locator(".intro")).to_contain_text(
            "They read nothing from Möney & <Friends>"
        )
        privacy = page.get_by_role("link", name="How to have it deleted")
        await expect(privacy).to_have_attribute("href", "https://money.example/privacy?a=1&b=2")
        schwab = card(page, "Charles Schwab")
        await expect(schwab).to_contain_text("Connect it again in Möney & <Friends>")
        await expect(schwab.get_by_role("link", name="Open Möney & <Friends>")).to_have_attribute(
            "href", "https://money.example/connect"
        )
        await expect(card(page, "in").locator(".hint bdi")).to_have_text(
            ["in", "Möney & <Friends>", "Möney & <Friends>"]
        )
        picture = schwab.locator("img")
        await expect(picture).to_have_js_property("naturalWidth", 1)
        chase = card(page, "בנק דוגמה")
        await confirm(page, "בנק דוגמה")
        await expect(chase).to_contain_text("Disconnected")
        await expect(page.locator(".entry bdi").first).to_have_text("בנק דוגמה")


async def test_a_slug_of_punctuation_has_a_name(visitor: Visitor, api: ScriptedApi) -> None:
    api.connect("--")
    page = await open_page(visitor)
    await expect(card(page, "Provider “--”")).to_be_visible()


@pytest.mark.parametrize("width", [360, 320])
async def test_words_of_fifty_letters_fit(visitor: Visitor, api: ScriptedApi, width: int) -> None:
    """320 CSS pixels are 1,280 at a zoom of 400 % (WCAG 1.4.10)."""
    api.connect(LONG, LONG)
    page = await open_page(visitor, viewport={"width": width, "height": 256})
    await is_up_to_date(page)
    overflow = "document.documentElement.scrollWidth - innerWidth"
    assert await page.evaluate(overflow) == 0
    inside = """() => [...document.querySelectorAll("dialog[open] *, .card *")]
      .filter((one) => one.offsetParent && !one.closest(".unseen"))
      .filter((one) => getComputedStyle(one).display !== "inline")
      .filter((one) => one.scrollWidth > one.clientWidth + 1)
      .map((one) => one.outerHTML.slice(0, 200))"""
    assert await page.evaluate(inside) == []
    for button in (
        card(page, LONG).get_by_role("button"),
        page.get_by_role("button", name="Disconnect all"),
    ):
        await button.click()
        assert await page.evaluate(inside) == []
        assert await page.evaluate(overflow) == 0
        await page.keyboard.press("Escape")


async def test_without_javascript_it_says_what_to_do(browser: Browser, api: ScriptedApi) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await api.serve(page)
    await page.goto(f"{ORIGIN}/")
    advice = page.locator("noscript p")
    await expect(advice).to_be_visible()
    await expect(advice).to_contain_text("in your account with each provider")
    await expect(page.get_by_text("Loading your connections")).to_be_hidden()
    await context.close()
