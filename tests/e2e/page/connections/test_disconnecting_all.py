"""Disconnect all: a question that lists and counts, one batch, and what came of it."""

import pytest
from playwright.async_api import Page, expect

from tests.e2e.page.visiting.browser import Visitor
from tests.e2e.page.visiting.screen import card, is_up_to_date, open_page
from tests.e2e.page.visiting.scripted_api import Json, ScriptedApi, problem

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCHWAB = "00000000-0000-0000-0000-000000000001"


def inputs(api: ScriptedApi) -> list[Json]:
    return [variables["input"] for name, variables in api.operations if name == "DisconnectAll"]


def answer(kind: str, **fields: object) -> Json:
    return {"data": {"disconnectAllProviders": {"__typename": kind, **fields}}}


async def ask(page: Page) -> None:
    await page.get_by_role("button", name="Disconnect all", exact=True).click()


async def say_yes(page: Page, count: int) -> None:
    await ask(page)
    await page.get_by_role("dialog").get_by_role("button", name=f"Disconnect all {count}").click()


async def test_the_question_lists_counts_and_stays_true(visitor: Visitor, api: ScriptedApi) -> None:
    api.connect("over", status="DISCONNECTED")
    page = await open_page(visitor)
    await is_up_to_date(page)
    await ask(page)
    dialog = page.get_by_role("dialog", name="Disconnect all 3 connections?")
    await expect(dialog.get_by_role("listitem")).to_have_text(
        ["Schwab, My IRA", "Wells Fargo, Household", "Fidelity"]
    )
    await expect(dialog.get_by_role("button", name="Keep them")).to_be_focused()
    api.disconnect(SCHWAB, 1)
    await expect(page.get_by_role("dialog", name="Disconnect all 2 connections?")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    assert inputs(api) == []


async def test_all_are_disconnected_in_one_batch(visitor: Visitor, api: ScriptedApi) -> None:
    page = await open_page(visitor)
    await is_up_to_date(page)
    await say_yes(page, 3)
    await expect(page.locator("#all-words")).to_have_text("3 connections were disconnected.")
    for name in ("Schwab", "Wells Fargo", "Fidelity"):
        await expect(card(page, name)).to_contain_text("Disconnected")
    await expect(page.get_by_role("button", name="Disconnect all")).to_be_hidden()
    assert [one["expectedCount"] for one in inputs(api)] == [3]


async def test_a_lost_answer_is_asked_for_with_the_same_batch(
    visitor: Visitor, api: ScriptedApi
) -> None:
    visitor.network_may_fail = True
    failed = answer("DisconnectAllProvidersSuccess", disconnected=2, failed=1)
    api.next_answers["DisconnectAll"] += [None, failed]
    page = await open_page(visitor)
    await is_up_to_date(page)
    await say_yes(page, 3)
    await expect(page.locator("#all-words")).to_contain_text("It is safe to try again.")
    again = page.locator("#all-notice").get_by_role("button", name="Try again")
    await again.click()
    await expect(page.locator("#all-words")).to_have_text(
        "1 of 3 connections could not be disconnected."
    )
    await again.click()
    await expect(page.locator("#all-words")).to_have_text("3 connections were disconnected.")
    assert len(inputs(api)) == 3
    assert len({one["batchId"] for one in inputs(api)}) == 1


async def test_after_an_outage_it_says_what_is_left_to_do(
    visitor: Visitor, api: ScriptedApi
) -> None:
    visitor.network_may_fail = True
    api.next_answers["DisconnectAll"].append(None)
    page = await open_page(visitor)
    await is_up_to_date(page)
    await say_yes(page, 3)
    words = page.locator("#all-words")
    await expect(words).to_contain_text("What was disconnected appears below.")
    await api.cut()
    await expect(words).to_contain_text("No answer arrived, and 3 connections are not disconnected")
    await is_up_to_date(page)
    api.disconnect(SCHWAB, 1)
    await expect(words).to_contain_text("No answer arrived, and 2 connections are not disconnected")
    for number, connection in enumerate(api.connections[1:], 2):
        api.disconnect(connection["id"], number)
    await expect(words).to_have_text("3 connections were disconnected.")


async def test_a_refusal_is_not_called_a_lost_answer(visitor: Visitor, api: ScriptedApi) -> None:
    api.next_answers["DisconnectAll"] += [problem("RATE_LIMITED"), problem("INTERNAL_SERVER_ERROR")]
    page = await open_page(visitor)
    await is_up_to_date(page)
    await say_yes(page, 3)
    words = page.locator("#all-words")
    await expect(words).to_have_text("There were too many requests. Wait a moment, then try again.")
    again = page.locator("#all-notice").get_by_role("button", name="Try again")
    await again.click()
    await expect(words).to_have_text("A server error occurred. It is safe to try again.")
    await again.click()
    await expect(words).to_have_text("3 connections were disconnected.")


async def test_a_count_that_changed_is_asked_about_again(
    visitor: Visitor, api: ScriptedApi
) -> None:
    page = await open_page(visitor)
    await is_up_to_date(page)
    api.connect("imported")
    await say_yes(page, 3)
    again = page.get_by_role("dialog", name="Disconnect all 4 connections?")
    await expect(again).to_contain_text("Your connections have changed")
    await expect(again.get_by_role("listitem").last).to_have_text("Imported")
    await again.get_by_role("button", name="Disconnect all 4").click()
    await expect(page.locator("#all-words")).to_have_text("4 connections were disconnected.")
    first, second = inputs(api)
    assert first["batchId"] != second["batchId"]
