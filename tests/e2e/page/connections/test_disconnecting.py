"""From the button to the greyed card, and every way in which that may go wrong."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import expect

from tests.e2e.page.visiting.browser import Visitor
from tests.e2e.page.visiting.screen import card, confirm, entries, open_page
from tests.e2e.page.visiting.scripted_api import Json, ScriptedApi, problem, result

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCHWAB = "00000000-0000-0000-0000-000000000001"


async def asked(api: ScriptedApi) -> list[Any]:
    return [variables for name, variables in api.operations if name == "Disconnect"]


async def test_every_connection_shows_provider_alias_status_and_since_when(
    visitor: Visitor, api: ScriptedApi
) -> None:
    api.connect("coinbase", status="PENDING")
    api.connect("vanguard", status="REVOKED")
    api.connect("ally", status="FAILED")
    page = await open_page(visitor)
    schwab = card(page, "Schwab")
    await expect(schwab).to_contain_text("My IRA")
    await expect(schwab).to_contain_text("Connected")
    await expect(schwab).to_contain_text("Since 9 Dec 2025")
    await expect(schwab).to_contain_text("Last updated 2 Mar 2026, 08:30")
    await expect(card(page, "Wells Fargo")).to_contain_text("Access expired")
    await expect(card(page, "Coinbase")).to_contain_text("Not connected yet")
    await expect(card(page, "Vanguard")).to_contain_text("Access withdrawn")
    await expect(card(page, "Ally")).to_contain_text("Connection failed")
    await expect(schwab.locator("time").first).to_have_attribute(
        "datetime", api.connections[0]["connectedAt"]
    )


async def test_the_confirmation_says_what_will_happen_and_no_means_no(
    visitor: Visitor, api: ScriptedApi
) -> None:
    page = await open_page(visitor)
    await card(page, "Schwab").get_by_role("button", name="Disconnect Schwab, My IRA").click()
    dialog = page.get_by_role("dialog", name="Disconnect Schwab?")
    await expect(dialog).to_contain_text("The stored credentials are destroyed permanently")
    await expect(dialog).to_contain_text("Schwab is asked to end the access of the app")
    await expect(dialog).to_contain_text("My IRA")
    await dialog.get_by_role("button", name="Keep it").click()
    await expect(dialog).to_be_hidden()
    await expect(card(page, "Schwab").get_by_role("button")).to_be_focused()
    assert await asked(api) == []


async def test_the_card_follows_the_attempt_as_it_arrives(
    visitor: Visitor, api: ScriptedApi
) -> None:
    answer = asyncio.Event()

    async def when_told() -> Json:
        await answer.wait()
        return result("DisconnectProviderSuccess", connectedProvider=api.connections[0])

    api.next_answers["Disconnect"].append(when_told)
    page = await open_page(visitor)
    await confirm(page, "Schwab")
    schwab = card(page, "Schwab")
    await expect(schwab).to_contain_text("Requesting…")
    api.happen("Attempted", SCHWAB, 1)
    await expect(schwab).to_contain_text("Disconnecting…")
    await expect(schwab).to_contain_text("Requested at 09:31:00")
    await expect(schwab.get_by_role("button")).to_have_count(0)
    api.happen("Succeeded", SCHWAB, 1)
    await expect(schwab).to_contain_text("Disconnected")
    await expect(schwab).to_contain_text("On 2 Mar 2026, 09:32")
    answer.set()
    await expect(entries(page)).to_have_text(
        ["You disconnected Schwab", "You asked to disconnect Schwab"]
    )
    await expect(page.locator("#announcement")).to_have_text("You disconnected Schwab")
    assert await asked(api) == [{"input": {"connectionId": SCHWAB}}]


async def test_the_keyboard_is_enough(visitor: Visitor, api: ScriptedApi) -> None:
    page = await open_page(visitor)
    button = card(page, "Schwab").get_by_role("button")
    await button.focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(button).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(card(page, "Schwab")).to_contain_text("On 2 Mar 2026")
    await expect(card(page, "Schwab")).to_be_focused()
    assert len(await asked(api)) == 1


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("DATABASE_ERROR", "A server error occurred. Nothing has changed"),
        (
            "INTERRUPTED",
            "The request was interrupted. Nothing has changed: Schwab was not disconnected.",
        ),
    ],
)
async def test_a_failure_is_a_sentence_and_a_way_on(
    visitor: Visitor, api: ScriptedApi, reason: str, sentence: str
) -> None:
    async def failed() -> Json:
        api.fail(SCHWAB, 1, reason)
        return result("DisconnectionFailed", message="For people.")

    api.next_answers["Disconnect"].append(failed)
    page = await open_page(visitor)
    await confirm(page, "Schwab")
    schwab = card(page, "Schwab")
    await expect(schwab).to_contain_text(sentence)
    await expect(page.locator(".entry").first).to_contain_text(sentence)
    await expect(entries(page).first).to_have_text("Schwab was not disconnected")
    await schwab.get_by_role("button", name="Try again").click()
    await expect(schwab).to_contain_text("On 2 Mar 2026")
    await expect(schwab).not_to_contain_text(sentence)


async def test_a_failure_may_be_left_alone(visitor: Visitor, api: ScriptedApi) -> None:
    refusal = result("DisconnectionFailed", attemptId=None, message="For people.")
    api.next_answers["Disconnect"].append(refusal)
    page = await open_page(visitor)
    await confirm(page, "Schwab")
    await card(page, "Schwab").get_by_role("button", name="Dismiss").click()
    await expect(card(page, "Schwab").get_by_role("button", name="Disconnect")).to_be_visible()
    await expect(card(page, "Schwab")).not_to_contain_text("server error")


async def test_a_connection_that_is_gone_is_not_there_after_reading_again(
    visitor: Visitor, api: ScriptedApi
) -> None:
    async def gone() -> Json:
        api.connections.pop(0)
        api.fail(SCHWAB, 1, "CONNECTION_NOT_FOUND")
        return result("ConnectionNotFound", message="For people.")

    api.next_answers["Disconnect"].append(gone)
    page = await open_page(visitor)
    await confirm(page, "Schwab")
    await expect(card(page, "Schwab")).to_contain_text("no longer among your connections")
    await card(page, "Schwab").get_by_role("button", name="Reload my connections").click()
    await expect(card(page, "Schwab")).to_have_count(0)
    await expect(card(page, "Fidelity")).to_be_visible()
    await expect(entries(page)).to_have_text(
        ["Nothing was disconnected", "You asked to disconnect an unknown connection"]
    )


async def test_a_lost_answer_is_admitted_and_made_good_by_what_happened(
    visitor: Visitor, api: ScriptedApi
) -> None:
    visitor.network_may_fail = True

    api.next_answers["Disconnect"] += [None, None]
    page = await open_page(visitor)
    await confirm(page, "Schwab")
    schwab = card(page, "Schwab")
    await expect(schwab).to_contain_text("The connection was lost before the answer arrived.")
    await schwab.get_by_role("button", name="Try again").click()
    await expect(schwab).to_contain_text("The connection was lost before the answer arrived.")
    api.disconnect(SCHWAB, 1)
    await expect(schwab).to_contain_text("On 2 Mar 2026")
    await expect(schwab).not_to_contain_text("The connection was lost")


async def test_too_many_requests_are_told_to_wait(visitor: Visitor, api: ScriptedApi) -> None:
    api.next_answers["Disconnect"].append(problem("RATE_LIMITED"))
    page = await open_page(visitor)
    await confirm(page, "Schwab")
    await expect(card(page, "Schwab")).to_contain_text("Wait a moment, then try again.")


async def test_the_question_is_withdrawn_when_another_screen_was_faster(
    visitor: Visitor, api: ScriptedApi
) -> None:
    page = await open_page(visitor)
    await card(page, "Schwab").get_by_role("button").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    api.disconnect(SCHWAB, 1)
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await expect(card(page, "Schwab")).to_contain_text("Disconnected")
    assert await asked(api) == []


async def test_nothing_connected_is_said(visitor: Visitor, api: ScriptedApi) -> None:
    api.connections.clear()
    page = await open_page(visitor)
    await expect(page.get_by_role("heading", name="No connections")).to_be_visible()
    await expect(page.get_by_role("heading", name="No activity yet")).to_be_visible()


async def test_a_long_list_is_read_to_its_end(visitor: Visitor, api: ScriptedApi) -> None:
    for number in range(150):
        api.connect(f"bank-{number}")
    page = await open_page(visitor)
    await expect(page.locator("#connections-summary")).to_have_text("153 in total")
    cards = page.locator("#connections > li.card:not(.ghost)")
    for shown, rest in ((25, 128), (50, 103), (75, 78), (100, 53), (125, 28), (150, 3)):
        await expect(cards).to_have_count(shown)
        more = page.get_by_role("button", name=f"Show {min(rest, 25)} more of {rest}")
        await more.click()
        await expect(cards.nth(shown)).to_be_focused()
    await expect(cards).to_have_count(153)
    await expect(card(page, "Bank 149")).to_be_visible()
    await expect(page.get_by_role("button", name="more of")).to_have_count(0)
