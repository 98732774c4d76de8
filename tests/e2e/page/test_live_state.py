"""The page says whether it is up to date, and gets back there without missing anything."""

import pytest
from playwright.async_api import expect

from tests.e2e.page.visiting.browser import Visitor
from tests.e2e.page.visiting.screen import (
    card,
    confirm,
    entries,
    is_up_to_date,
    open_page,
    sign_in,
    status,
)
from tests.e2e.page.visiting.scripted_api import ORIGIN, TOKEN, ScriptedApi, problem

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCHWAB = "00000000-0000-0000-0000-000000000001"
WELLS_FARGO = "00000000-0000-0000-0000-000000000002"


def cursors(api: ScriptedApi) -> list[str]:
    return [variables["after"] for name, variables in api.operations if name == "Follow"]


@pytest.mark.parametrize("code", [1012, 1013])
async def test_a_closed_stream_is_resumed_from_where_it_was(
    visitor: Visitor, api: ScriptedApi, code: int
) -> None:
    visitor.network_may_fail = True
    page = await open_page(visitor)
    await is_up_to_date(page)
    api.happen("Attempted", SCHWAB, 1)
    await expect(card(page, "Schwab")).to_contain_text("Disconnecting…")
    await api.cut(code)
    await expect(status(page)).to_have_text("Reconnecting…")
    api.happen("Succeeded", SCHWAB, 1)
    await is_up_to_date(page)
    await expect(card(page, "Schwab")).to_contain_text("On 2 Mar 2026")
    await expect(entries(page)).to_have_text(
        ["You disconnected Schwab", "You asked to disconnect Schwab"]
    )
    assert cursors(api) == ["0-0", "0-1"]
    assert [name for name, _ in api.operations].count("Snapshot") == 1


async def test_what_is_told_twice_shows_once(visitor: Visitor, api: ScriptedApi) -> None:
    page = await open_page(visitor)
    await is_up_to_date(page)
    api.disconnect(SCHWAB, 1)
    for event in list(api.events):
        api.send(event)
    api.disconnect(WELLS_FARGO, 2)
    await expect(entries(page)).to_have_text(
        [
            "You disconnected Wells Fargo",
            "You asked to disconnect Wells Fargo",
            "You disconnected Schwab",
            "You asked to disconnect Schwab",
        ]
    )
    await api.cut()
    await expect(status(page)).to_have_text("Reconnecting…")
    await is_up_to_date(page)
    await expect(entries(page)).to_have_count(4)
    assert cursors(api)[-1] == "0-4"


async def test_a_history_that_was_replaced_is_read_again(
    visitor: Visitor, api: ScriptedApi
) -> None:
    api.disconnect(WELLS_FARGO, 1)
    page = await open_page(visitor)
    await is_up_to_date(page)
    api.disconnect(SCHWAB, 2)
    await expect(card(page, "Schwab")).to_contain_text("Disconnected")
    del api.events[2:]
    api.connections[0] |= {"status": "ACTIVE", "disconnectedAt": None}
    api.replace_history()
    await api.cut()
    await is_up_to_date(page)
    await expect(card(page, "Schwab").get_by_role("button", name="Disconnect")).to_be_visible()
    await expect(entries(page)).to_have_text(
        ["You disconnected Wells Fargo", "You asked to disconnect Wells Fargo"]
    )
    api.disconnect(SCHWAB, 3)
    await expect(entries(page)).to_have_count(4)


async def test_what_the_snapshot_says_is_not_announced_as_news(
    visitor: Visitor, api: ScriptedApi
) -> None:
    api.disconnect(SCHWAB, 1)
    early = api.snapshot({"last": 50, "largest": 100, "after": None})
    early["data"]["eventCursor"] = "0-0"
    api.next_answers["Snapshot"].append(early)
    page = await open_page(visitor)
    await is_up_to_date(page)
    api.happen("Attempted", WELLS_FARGO, 2)
    await expect(card(page, "Wells Fargo")).to_contain_text("Disconnecting…")
    await expect(entries(page)).to_have_count(3)
    await expect(page.locator("#announcement")).to_be_empty()


async def test_a_connection_that_came_later_shows_when_something_happens_to_it(
    visitor: Visitor, api: ScriptedApi
) -> None:
    page = await open_page(visitor)
    await is_up_to_date(page)
    api.disconnect(api.connect("coinbase"), 1)
    await expect(card(page, "Coinbase")).to_contain_text("Disconnected")
    await is_up_to_date(page)
    await expect(entries(page)).to_have_count(2)


async def test_a_cursor_that_is_never_honoured_is_not_asked_about_in_a_hurry(
    visitor: Visitor, api: ScriptedApi
) -> None:
    api.endings = ["INVALID_CURSOR"] * 50
    page = await visitor.page()
    await page.clock.install()
    await page.goto(f"{ORIGIN}/#token={TOKEN}")
    await expect(status(page)).to_have_text("Reloading your history…")
    await page.clock.pause_at("2030-01-01")
    assert len(cursors(api)) < 10
    await expect(status(page)).to_have_text("Reloading your history…")


async def test_an_expired_token_is_asked_for_and_it_goes_on(
    visitor: Visitor, api: ScriptedApi
) -> None:
    visitor.network_may_fail = True
    page = await open_page(visitor)
    await is_up_to_date(page)
    api.happen("Attempted", SCHWAB, 1)
    await expect(card(page, "Schwab")).to_contain_text("Disconnecting…")
    api.tokens = {"token-2"}
    await api.cut(4403, "Token expired")
    await expect(status(page)).to_have_text("Signed out")
    await expect(page.get_by_role("heading", name="You were signed out")).to_be_visible()
    await expect(page.get_by_role("alert")).to_be_hidden()
    await expect(card(page, "Fidelity").get_by_role("button")).to_be_disabled()
    await expect(entries(page)).to_have_count(1)
    api.happen("Succeeded", SCHWAB, 1)

    await sign_in(page, "token-1")
    await expect(page.get_by_role("alert")).to_contain_text("This token was not accepted")
    await sign_in(page, "Bearer token-2")
    await is_up_to_date(page)
    await expect(page.get_by_label("Access token")).to_be_hidden()
    await expect(card(page, "Schwab")).to_contain_text("On 2 Mar 2026")
    await expect(card(page, "Fidelity").get_by_role("button")).to_be_enabled()
    assert cursors(api) == ["0-0", "0-1"]


async def test_a_network_that_swallows_everything_is_found_out(
    visitor: Visitor, api: ScriptedApi
) -> None:
    page = await visitor.page()
    await page.clock.install()
    await page.goto(f"{ORIGIN}/#token={TOKEN}")
    await is_up_to_date(page)
    await page.clock.run_for(60_000)
    await is_up_to_date(page)
    api.silent = True
    await page.clock.run_for(20_500)
    await expect(status(page)).to_have_text("Reconnecting…")
    await page.clock.run_for(2_000)
    await expect(page.locator("#status")).to_have_attribute("data-state", "reconnecting")
    await expect(status(page)).to_have_text("Reconnecting…")
    api.silent = False
    api.streams.clear()
    api.disconnect(SCHWAB, 1)
    await page.clock.run_for(20_000)
    await is_up_to_date(page)
    await expect(entries(page)).to_have_count(2)


async def test_an_api_that_is_away_from_the_start_is_waited_for(
    visitor: Visitor, api: ScriptedApi
) -> None:
    visitor.network_may_fail = True
    api.next_answers["Snapshot"] = [None] * 1000
    page = await visitor.page()
    await page.clock.install()  # and nothing lets time pass
    await page.clock.pause_at("2030-01-01")
    await page.goto(f"{ORIGIN}/#token={TOKEN}")
    await expect(page.get_by_text("can’t be reached right now")).to_be_visible()
    await expect(page.locator("#status-countdown")).to_contain_text("in ")
    api.next_answers["Snapshot"].clear()
    await page.get_by_role("button", name="Try now").click()
    await is_up_to_date(page)
    await expect(card(page, "Schwab")).to_be_visible()
    await expect(page.get_by_text("can’t be reached right now")).to_be_hidden()


async def test_the_wait_grows_is_random_and_has_an_end(visitor: Visitor) -> None:
    page = await open_page(visitor)
    longest, shortest = await page.evaluate(
        """async () => {
          const { backOff } = await import("/page/unplug-client.js");
          const tries = [0, 1, 2, 3, 4, 5, 6, 7, 100];
          return [0.999999, 0].map((luck) => tries.map((n) => Math.round(backOff(n, () => luck))));
        }"""
    )
    assert longest == [1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000, 30000]
    assert shortest == [0] * 9


async def test_a_server_that_turns_people_away_is_asked_less_and_less(
    visitor: Visitor, api: ScriptedApi
) -> None:
    visitor.network_may_fail = True
    api.endings = [1013] * 1000
    page = await visitor.page()
    await page.clock.install()
    await page.add_init_script("Math.random = () => 0.999")
    await page.goto(f"{ORIGIN}/#token={TOKEN}")
    await expect(page.locator("#status-countdown")).to_contain_text("in ")
    for _ in range(8):
        await page.clock.run_for(15_000)
        await expect(page.locator("#status-countdown")).to_contain_text("in ")
    assert 4 <= len(cursors(api)) <= 9


async def test_the_browser_that_is_back_online_does_not_wait(
    visitor: Visitor, api: ScriptedApi
) -> None:
    visitor.network_may_fail = True
    page = await visitor.page()
    await page.clock.install()
    await page.add_init_script("Math.random = () => 0.999")
    await page.goto(f"{ORIGIN}/#token={TOKEN}")
    await is_up_to_date(page)
    api.endings = [1013, 1013]
    await api.cut()
    await expect(page.locator("#status-countdown")).to_contain_text("in ")
    await page.evaluate("dispatchEvent(new Event('online'))")
    await page.evaluate("dispatchEvent(new Event('online'))")
    api.endings = []
    await page.evaluate("dispatchEvent(new Event('online'))")
    await is_up_to_date(page)


async def test_old_errors_go_when_the_server_answers_again(
    visitor: Visitor, api: ScriptedApi
) -> None:
    visitor.network_may_fail = True
    api.next_answers["Disconnect"].append(None)
    page = await open_page(visitor)
    await is_up_to_date(page)
    await confirm(page, "Schwab")
    schwab = card(page, "Schwab")
    await expect(schwab).to_contain_text("The connection was lost before the answer arrived.")
    await api.cut()
    await is_up_to_date(page)
    await expect(schwab).to_contain_text("the server has no record of the request")
    await schwab.get_by_role("button", name="Dismiss").click()
    await expect(schwab).not_to_contain_text("The connection was lost")
    await expect(schwab.get_by_role("button", name="Disconnect")).to_be_enabled()


async def test_a_problem_of_the_request_is_not_fatal(visitor: Visitor, api: ScriptedApi) -> None:
    api.next_answers["Snapshot"].append(problem("INTERNAL_SERVER_ERROR"))
    page = await open_page(visitor)
    await is_up_to_date(page)
