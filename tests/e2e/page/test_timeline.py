"""What was done: all of it, in order, once, from the newest to the first."""

import asyncio

import pytest
from playwright.async_api import Page, expect

from tests.e2e.page.visiting.browser import Visitor
from tests.e2e.page.visiting.screen import (
    card,
    choose_activity,
    entries,
    is_up_to_date,
    open_page,
)
from tests.e2e.page.visiting.scripted_api import Json, ScriptedApi

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCHWAB = "00000000-0000-0000-0000-000000000001"
WELLS_FARGO = "00000000-0000-0000-0000-000000000002"
FIDELITY = "00000000-0000-0000-0000-000000000003"


def a_long_history(api: ScriptedApi) -> None:
    """1,000 events: Schwab's and Fidelity's in turn, Wells Fargo's at the very start."""
    for attempt in range(500):
        connection = WELLS_FARGO if attempt < 30 else (SCHWAB, FIDELITY)[attempt % 2]
        api.fail(connection, attempt, "INTERRUPTED")


async def shown(page: Page) -> list[int]:
    positions: list[int] = await page.evaluate(
        "[...document.querySelectorAll('.entry')].map((entry) => Number(entry.dataset.position))"
    )
    return positions


async def scroll_to_the_start(page: Page) -> None:
    beginning = page.get_by_text("This is where your activity begins.")
    while not await beginning.is_visible():
        known = await page.locator(".entry").count()
        await page.evaluate("scrollTo(0, document.body.scrollHeight)")
        await page.wait_for_function(
            "known => document.querySelectorAll('.entry').length > known"
            " || !document.querySelector('#beginning').hidden",
            arg=known,
        )


async def test_a_thousand_events_are_reached_by_scrolling(
    visitor: Visitor, api: ScriptedApi
) -> None:
    a_long_history(api)
    page = await open_page(visitor)
    await is_up_to_date(page)
    assert len(await shown(page)) < 200
    await scroll_to_the_start(page)
    assert await shown(page) == list(range(1000, 0, -1))


async def test_what_happens_while_scrolling_back_is_on_top(
    visitor: Visitor, api: ScriptedApi
) -> None:
    a_long_history(api)
    page = await open_page(visitor)
    await is_up_to_date(page)
    await page.evaluate("scrollTo(0, document.body.scrollHeight)")
    api.disconnect(SCHWAB, 1000)
    await scroll_to_the_start(page)
    assert await shown(page) == list(range(1002, 0, -1))


async def test_a_filter_shows_one_connections_whole_history(
    visitor: Visitor, api: ScriptedApi
) -> None:
    a_long_history(api)
    page = await open_page(visitor)
    await is_up_to_date(page)
    await choose_activity(page, "Wells Fargo, Household")
    await expect(entries(page).first).to_have_text("Wells Fargo was not disconnected")
    await scroll_to_the_start(page)
    assert await shown(page) == list(range(60, 0, -1))

    api.disconnect(FIDELITY, 1000)
    api.disconnect(WELLS_FARGO, 1001)
    await expect(entries(page).first).to_have_text("You disconnected Wells Fargo")
    assert await shown(page) == [1004, 1003, *range(60, 0, -1)]

    await page.get_by_label("Show the activity of").select_option("All connections")
    await expect(entries(page).nth(2)).to_have_text("You disconnected Fidelity")
    everything = await shown(page)
    assert everything == list(range(1004, 1004 - len(everything), -1))
    await scroll_to_the_start(page)
    assert await shown(page) == list(range(1004, 0, -1))


async def test_an_empty_filter_says_so(visitor: Visitor, api: ScriptedApi) -> None:
    for attempt in range(100):
        api.fail(SCHWAB, attempt, "INTERRUPTED")
    page = await open_page(visitor)
    await choose_activity(page, "Fidelity")
    await expect(page.get_by_role("heading", name="No activity yet")).to_be_visible()
    await expect(entries(page)).to_have_count(0)


async def test_history_that_cannot_be_fetched_is_asked_for_again_by_button(
    visitor: Visitor, api: ScriptedApi
) -> None:
    visitor.network_may_fail = True

    a_long_history(api)
    api.next_answers["History"].append(None)
    page = await open_page(visitor)
    await is_up_to_date(page)
    await page.evaluate("scrollTo(0, document.body.scrollHeight)")
    await expect(page.get_by_text("can’t be loaded right now")).to_be_visible()
    await page.get_by_role("button", name="Show earlier").click()
    await expect(page.get_by_text("can’t be loaded right now")).to_be_hidden()
    await scroll_to_the_start(page)
    assert await shown(page) == list(range(1000, 0, -1))


async def test_days_have_names_and_times_are_machine_readable(
    visitor: Visitor, api: ScriptedApi
) -> None:
    api.disconnect(SCHWAB, 1)
    api.fail(FIDELITY, 2, "INTERRUPTED")
    for event, at in zip(
        api.events,
        [
            "2026-03-01T10:00:00Z",
            "2026-03-01T23:59:59Z",
            "2026-03-02T00:00:01Z",
            "2026-03-02T08:00:00Z",
        ],
        strict=True,
    ):
        event["occurredAt"] = at
    page = await visitor.page()
    await page.clock.set_fixed_time("2026-03-02T09:00:00Z")
    await page.goto("http://unplug.test/#token=token-1")
    await expect(page.locator("#days h3")).to_have_text(["Today", "Yesterday"])
    first = page.get_by_role("list").and_(page.locator("#days > li ol")).first
    await expect(first.get_by_role("listitem")).to_have_count(2)
    await expect(first.locator("time").first).to_have_text("08:00:00")
    await expect(first.locator("time").first).to_have_attribute("datetime", "2026-03-02T08:00:00Z")


async def test_a_page_of_a_history_that_was_replaced_meanwhile_is_not_shown(
    visitor: Visitor, api: ScriptedApi
) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()
    a_long_history(api)
    old = api.history({"last": 50, "before": "0-951"})

    async def slow() -> Json:
        asked.set()
        await answer.wait()
        return old

    api.next_answers["History"].append(slow)
    page = await open_page(visitor)
    await is_up_to_date(page)
    await page.evaluate("scrollTo(0, document.body.scrollHeight)")
    await asked.wait()
    api.events.clear()
    api.disconnect(FIDELITY, 1)
    api.replace_history()
    await api.cut()
    await expect(entries(page)).to_have_count(2)
    answer.set()
    await page.wait_for_function("() => !document.querySelector('#earlier').ariaBusy")
    api.happen("Attempted", SCHWAB, 2)
    await expect(entries(page).first).to_have_text("You asked to disconnect Schwab")
    assert await shown(page) == [3, 2, 1]


async def test_connection_that_begins_appears(visitor: Visitor, api: ScriptedApi) -> None:
    page = await open_page(visitor)
    await is_up_to_date(page)
    chase = api.connect("chase", "Everyday")
    api.happen("ProviderConnected", chase, 1, created=True)
    await expect(card(page, "Chase")).to_contain_text("Connected")
    await expect(entries(page).first).to_contain_text("You connected Chase")


async def test_access_is_lost_and_comes_back(visitor: Visitor, api: ScriptedApi) -> None:
    page = await open_page(visitor)
    await is_up_to_date(page)
    api.happen("ProviderAccessLost", SCHWAB, 1, status="EXPIRED")
    await expect(card(page, "Schwab")).to_contain_text("Access expired")
    await expect(entries(page).first).to_contain_text("Schwab gives no more access")
    await expect(page.locator("#days .reason").first).to_contain_text("Connect again to renew it")

    api.happen("ProviderAccessRestored", SCHWAB, 2)
    await expect(card(page, "Schwab")).to_contain_text("Connected")
    await expect(entries(page).first).to_contain_text("Access to Schwab works again")

    api.happen("ProviderConnected", SCHWAB, 3, created=False)
    await expect(entries(page).first).to_contain_text("You connected Schwab again")


async def test_disconnection_by_the_app_says_so(visitor: Visitor, api: ScriptedApi) -> None:
    page = await open_page(visitor)
    await is_up_to_date(page)
    note = "Your account is closed."
    api.happen("Attempted", SCHWAB, 1, initiator="SERVICE", note=note)
    await expect(entries(page).first).to_contain_text("The app asked to disconnect Schwab")
    await expect(page.locator("#days .reason").first).to_contain_text(note)
    api.happen("Succeeded", SCHWAB, 1)
    await expect(entries(page).first).to_contain_text("Schwab was disconnected")
    await expect(card(page, "Schwab")).to_contain_text("Disconnected")


async def test_disconnection_is_final_on_the_page_too(visitor: Visitor, api: ScriptedApi) -> None:
    page = await open_page(visitor)
    await is_up_to_date(page)
    api.disconnect(SCHWAB, 1)
    await expect(card(page, "Schwab")).to_contain_text("Disconnected")
    api.happen("ProviderAccessRestored", SCHWAB, 2)
    await expect(entries(page).first).to_contain_text("works again")
    await expect(card(page, "Schwab")).to_contain_text("Disconnected")
