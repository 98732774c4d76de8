"""Many connections: what is folded away, found, listed on paper, and seen on a phone."""

import pytest
from playwright.async_api import expect

from tests.e2e.page.visiting.browser import Visitor
from tests.e2e.page.visiting.screen import card, is_up_to_date, open_page, unfold
from tests.e2e.page.visiting.scripted_api import ScriptedApi

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCHWAB = "00000000-0000-0000-0000-000000000001"


async def test_disconnected_ones_are_folded_away_with_their_count(
    visitor: Visitor, api: ScriptedApi
) -> None:
    for name in ("chase", "ally"):
        api.connect(name, status="DISCONNECTED")
    page = await open_page(visitor)
    fold = page.locator("#fold")
    await expect(fold.locator("summary").first).to_have_text("Disconnected (2)")
    await expect(card(page, "Chase")).to_have_count(0)
    await expect(page.locator("#connections > li h3")).to_have_text(
        ["Schwab", "Wells Fargo", "Fidelity"]
    )
    await unfold(page)
    await expect(card(page, "Chase")).to_be_visible()
    await is_up_to_date(page)
    api.disconnect(SCHWAB, 1)
    await expect(card(page, "Schwab")).to_contain_text("Disconnected")
    await expect(fold.locator("summary").first).to_have_text("Disconnected (2)")


async def test_search_and_filter_come_with_the_eleventh(visitor: Visitor, api: ScriptedApi) -> None:
    for number in range(7):
        api.connect(f"bank-{number}")
    page = await open_page(visitor)
    await is_up_to_date(page)
    await expect(page.get_by_role("search")).to_be_hidden()
    late = api.connect("ally", "Çédille 口座", status="DISCONNECTED")
    api.happen("ProviderConnected", late, 1, created=True)
    await expect(page.get_by_role("search")).to_be_visible()

    search = page.get_by_label("Search your connections")
    await search.fill("household  WELLS")
    await expect(page.locator("#connections > li h3")).to_have_text(["Wells Fargo"])
    await search.fill("口座")
    await expect(card(page, "Ally")).to_be_visible()
    await search.fill("nowhere")
    await expect(page.get_by_text("No connection is like that.")).to_be_visible()
    await search.fill("")
    await page.get_by_label("Show connections by status").select_option("Access lost")
    await expect(page.locator("#connections > li h3")).to_have_text(["Wells Fargo"])


async def test_a_search_opens_the_fold(visitor: Visitor, api: ScriptedApi) -> None:
    for number in range(8):
        api.connect(f"bank-{number}", status="DISCONNECTED")
    page = await open_page(visitor)
    await page.get_by_label("Search your connections").fill("bank 7")
    await expect(card(page, "Bank 7")).to_be_visible()
    await expect(page.locator("#fold-count")).to_have_text("1 of 8")


async def test_five_hundred_fit_a_phone(visitor: Visitor, api: ScriptedApi) -> None:
    for number in range(497):
        api.connect(f"bank-{number}", status="DISCONNECTED" if number % 2 else "ACTIVE")
    page = await open_page(visitor, viewport={"width": 360, "height": 740})
    await is_up_to_date(page)
    size = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    width, height = await page.evaluate(size)
    assert width == 360
    assert height < 8_000
    await page.get_by_label("Search your connections").fill("bank 496")
    await expect(
        card(page, "Bank 496").get_by_role("button", name="Disconnect")
    ).to_be_in_viewport()


async def test_on_paper_everything_is_a_plain_list(visitor: Visitor, api: ScriptedApi) -> None:
    for number in range(60):
        api.connect(f"bank-{number}", status="DISCONNECTED" if number % 2 else "ACTIVE")
    page = await open_page(visitor)
    await is_up_to_date(page)
    await page.emulate_media(media="print")
    for number in (0, 1, 58, 59):
        await expect(card(page, f"Bank {number}")).to_be_visible()
    await expect(page.locator("button:visible")).to_have_count(0)
    await page.emulate_media(media="screen")
    await expect(page.locator("#connections > li")).to_have_count(25)
    await expect(card(page, "Bank 1")).to_have_count(0)


async def test_what_was_done_to_a_connection_is_at_the_connection(
    visitor: Visitor, api: ScriptedApi
) -> None:
    api.fail(SCHWAB, 1, "INTERRUPTED")
    for attempt in range(2, 40):
        api.fail(api.connections[2]["id"], attempt, "INTERRUPTED")
    page = await open_page(visitor)
    await is_up_to_date(page)
    await card(page, "Schwab").get_by_text("History").click()
    entries = card(page, "Schwab").locator(".history li")
    await expect(entries).to_have_count(2)
    await expect(entries.first).to_contain_text("Schwab was not disconnected")
    await expect(card(page, "Schwab").locator("summary")).to_be_focused()
    api.disconnect(SCHWAB, 100)
    await expect(entries.first).to_contain_text("You disconnected Schwab")
    await expect(entries).to_have_count(4)
    await card(page, "Wells Fargo").get_by_text("History").click()
    await expect(card(page, "Wells Fargo")).to_contain_text("Nothing has happened")


async def test_why_and_by_whom_it_was_ended(visitor: Visitor, api: ScriptedApi) -> None:
    page = await open_page(visitor)
    await is_up_to_date(page)
    said = [
        ("OPERATOR", "The provider was attacked.", "Ended by an operator of the app: “The provi"),
        ("SERVICE", None, "Ended by the app"),
        ("USER", None, "Ended by you"),
    ]
    for number, (initiator, note, sentence) in enumerate(said):
        connection = api.connections[number]
        told = {"initiator": initiator, "note": note}
        api.happen("Attempted", connection["id"], number, **told)
        api.happen("Succeeded", connection["id"], number)
        ended = page.locator("#connections > li").nth(number).locator(".ending")
        await expect(ended).to_contain_text(sentence)


async def test_a_date_is_the_true_one_or_none(visitor: Visitor, api: ScriptedApi) -> None:
    imported = card(page := await open_page(visitor), "Wells Fargo")
    await is_up_to_date(page)
    await expect(imported).to_contain_text("Connected on")
    await expect(imported).not_to_contain_text("Since")
    await expect(imported).to_contain_text("Connect it again in the app")
    api.connections[0]["status"] = "REVOKED"
    api.happen("ProviderAccessLost", SCHWAB, 1, status="REVOKED")
    await expect(card(page, "Schwab")).to_contain_text("Since 2 Mar 2026")


async def test_what_has_no_event_shows_without_a_reload(visitor: Visitor, api: ScriptedApi) -> None:
    page = await visitor.page()
    await page.clock.install()
    await page.goto("http://unplug.test/#token=token-1")
    await is_up_to_date(page)
    api.connect("imported")
    api.connections[0]["lastSyncAt"] = "2026-03-02T11:45:00+00:00"
    await page.clock.run_for(61_000)
    await expect(card(page, "Imported")).to_be_visible()
    await expect(card(page, "Schwab")).to_contain_text("Last updated 2 Mar 2026, 11:45")
