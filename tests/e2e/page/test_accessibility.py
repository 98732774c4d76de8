"""Right for screen readers, without a mouse, on small screens, in the dark and without motion."""

import re
from typing import Literal, TypeAlias, Unpack

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.e2e.page.visiting.browser import Device, Visitor
from tests.e2e.page.visiting.screen import card, is_up_to_date, open_page, status
from tests.e2e.page.visiting.scripted_api import ScriptedApi

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCHWAB = "00000000-0000-0000-0000-000000000001"
FIDELITY = "00000000-0000-0000-0000-000000000003"
Theme: TypeAlias = Literal["light", "dark"]
THEMES = pytest.mark.parametrize("theme", ["light", "dark"])


_EDGES = """(() => {
  const visible = (one) => one.checkVisibility();
  const parts = [...document.querySelectorAll(
    ".button, .chip, .problem, .tile, .dot, .card, select, input")].filter(visible);
  const edge = (one) => {
    const style = getComputedStyle(one);
    return style.borderTopStyle === "solid" && parseFloat(style.borderTopWidth) > 0
      && style.borderTopColor !== style.backgroundColor;
  };
  const icons = [...document.querySelectorAll("svg.icon")].filter(visible);
  return {
    kinds: [...new Set(parts.map((one) => one.classList[0]))],
    withoutEdge: parts.filter((one) => !edge(one)).map((one) => one.outerHTML),
    faintIcons: icons.filter((one) => {
      const style = getComputedStyle(one);
      return style.stroke !== style.color;
    }).map((one) => one.outerHTML),
  };
})()"""
"""What stands out by its background elsewhere, and whether it has an edge and its icon a colour."""


async def violations(page: Page) -> list[str]:
    results = await Axe().run(page, options={"resultTypes": ["violations"]})
    return [
        f"{violation['id']}: {node['html']}"
        for violation in results.response["violations"]
        for node in violation["nodes"]
    ]


async def with_everything(visitor: Visitor, api: ScriptedApi, **device: Unpack[Device]) -> Page:
    """Every kind of card and entry there is."""
    for status_ in ("PENDING", "REVOKED", "FAILED", "ACTIVE"):
        api.connect(f"bank-{status_}", status=status_)
    for attempt in range(30):
        api.fail(FIDELITY, attempt, "INTERRUPTED")
    page = await open_page(visitor, **device)
    await is_up_to_date(page)
    api.fail(FIDELITY, 100, "DATABASE_ERROR")
    api.happen("Attempted", SCHWAB, 101)
    last = api.connections[-1]["id"]
    api.disconnect(last, 102)
    api.revoke("Attempted", last, 103)
    manage = "https://bank.example/apps"
    api.revoke("Failed", last, 103, reason="GAVE_UP", message="For people.", manageUrl=manage)
    await expect(card(page, "Fidelity")).to_contain_text("Try again")
    await expect(card(page, "Schwab")).to_contain_text("Disconnecting…")
    await expect(page.get_by_role("link", name="check here")).to_be_visible()
    await expect(page.locator("main")).not_to_contain_text(re.compile("undefined|null|false"))
    return page


@THEMES
async def test_axe_finds_nothing(visitor: Visitor, api: ScriptedApi, theme: Theme) -> None:
    page = await with_everything(visitor, api, color_scheme=theme)
    assert await violations(page) == []
    await card(page, "Wells Fargo").get_by_role("button").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    assert await violations(page) == []


@THEMES
async def test_axe_finds_nothing_when_signed_out(visitor: Visitor, theme: Theme) -> None:
    visitor.network_may_fail = True
    page = await open_page(visitor, token="refused", color_scheme=theme)
    await expect(page.get_by_role("alert")).to_be_visible()
    assert await violations(page) == []


@THEMES
async def test_axe_finds_nothing_when_the_session_has_ended(
    visitor: Visitor, api: ScriptedApi, theme: Theme
) -> None:
    page = await with_everything(visitor, api, color_scheme=theme)
    api.tokens = set()
    await api.cut(4403, "Token expired")
    await expect(status(page)).to_have_text("Signed out")
    assert await violations(page) == []


@THEMES
async def test_axe_finds_nothing_while_it_is_loading_and_when_nothing_is_there(
    visitor: Visitor, api: ScriptedApi, theme: Theme
) -> None:
    visitor.network_may_fail = True
    api.connections.clear()

    api.next_answers["Snapshot"] = [None] * 1000
    page = await open_page(visitor, color_scheme=theme)
    await expect(page.get_by_text("can’t be reached right now")).to_be_visible()
    assert await violations(page) == []
    api.next_answers["Snapshot"].clear()
    await expect(page.get_by_role("heading", name="No connections")).to_be_visible()
    assert await violations(page) == []


async def test_it_fits_a_small_screen(visitor: Visitor, api: ScriptedApi) -> None:
    api.connect("a-provider-with-a-very-long-name", "AnAliasWithoutASingleSpaceInIt" * 3)
    page = await with_everything(visitor, api, viewport={"width": 320, "height": 640})

    async def overflow() -> int:
        width: int = await page.evaluate("document.documentElement.scrollWidth")
        return width - 320

    assert await overflow() == 0
    await card(page, "Wells Fargo").get_by_role("button").click()
    dialog = await page.get_by_role("dialog").bounding_box()
    assert dialog is not None
    assert dialog["x"] >= 0
    assert dialog["x"] + dialog["width"] <= 320
    assert await overflow() == 0


async def test_nothing_moves_for_those_who_do_not_want_it(
    visitor: Visitor, api: ScriptedApi
) -> None:
    page = await with_everything(visitor, api, reduced_motion="reduce")
    running = "document.getAnimations().filter((one) => one.playState === 'running').length"
    assert await page.evaluate(running) == 0


@THEMES
async def test_forced_colours_leave_an_edge_to_everything_that_a_background_sets_apart(
    visitor: Visitor, api: ScriptedApi, theme: Theme
) -> None:
    page = await with_everything(visitor, api, color_scheme=theme, forced_colors="active")
    assert await page.evaluate("matchMedia('(forced-colors: active)').matches")
    assert await violations(page) == []
    seen = await page.evaluate(_EDGES)
    assert {"button", "chip", "problem", "tile", "dot"} <= set(seen["kinds"])
    assert seen["withoutEdge"] == []
    assert seen["faintIcons"] == []
    await page.keyboard.press("Tab")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert await page.evaluate(outline) == "solid"


async def test_everything_is_reached_by_tab_in_reading_order(visitor: Visitor) -> None:
    page = await open_page(visitor)
    await is_up_to_date(page)
    reached = []
    for _ in range(10):
        await page.keyboard.press("Tab")
        text = await page.evaluate("document.activeElement.id || document.activeElement.innerText")
        reached.append(" ".join(text.split()))
        outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
    assert reached == [
        "Skip to your connections",
        "sign-out",
        "disconnect-all",
        "Disconnect Schwab, My IRA",
        "History : Schwab, My IRA",
        "Disconnect Wells Fargo, Household",
        "History : Wells Fargo, Household",
        "Disconnect Fidelity",
        "History : Fidelity",
        "filter",
    ]


async def test_news_of_others_does_not_take_the_focus(visitor: Visitor, api: ScriptedApi) -> None:
    page = await open_page(visitor)
    button = card(page, "Schwab").get_by_role("button")
    await button.focus()
    api.disconnect(FIDELITY, 1)
    await expect(card(page, "Fidelity")).to_contain_text("On 2 Mar 2026")
    await expect(button).to_be_focused()
    await expect(page.locator("#announcement")).to_have_text("You disconnected Fidelity")
