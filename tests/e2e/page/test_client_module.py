"""The client module alone, as another app would use it: what it hands over, and when it asks."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Page, Route

from tests.e2e.page.visiting.browser import Visitor
from tests.e2e.page.visiting.scripted_api import ORIGIN, TOKEN, Json, ScriptedApi, problem

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCHWAB = "00000000-0000-0000-0000-000000000001"
FIDELITY = "00000000-0000-0000-0000-000000000003"

START = """async (token) => {
  const { UnplugClient } = await import("/page/unplug-client.js");
  const seen = { snapshots: [], positions: [], states: [], asked: [] };
  const client = new UnplugClient({
    url: "/graphql",
    token: TOKEN_CALLBACK,
    onSnapshot: (snapshot) => seen.snapshots.push(snapshot),
    onEvent: (event) => seen.positions.push(event.position),
    onState: (state) => seen.states.push(state.name),
  });
  Object.assign(window, { client, seen });
}"""
GIVE = """async ({ refused }) => {
  seen.asked.push(refused);
  await new Promise((resolve) => setTimeout(resolve, 100));
  return refused ? "token-2" : token;
}"""


async def client(visitor: Visitor, token_callback: str = GIVE) -> Page:
    """A page of this origin that has nothing but a client, which isn't running yet."""
    page = await visitor.page()
    await page.goto(f"{ORIGIN}/page/theme.css")
    await page.evaluate(START.replace("TOKEN_CALLBACK", token_callback), TOKEN)
    return page


async def until(page: Page, condition: str) -> None:
    await page.wait_for_function(f"() => {condition}")  # a function: the policy forbids eval


async def run(page: Page) -> None:
    await page.evaluate("void client.run()")
    await until(page, "seen.states.at(-1) === 'live'")


async def resumed(page: Page, cut: Callable[[], Awaitable[None]]) -> None:
    lives = "seen.states.filter((name) => name === 'live').length"
    before = await page.evaluate(lives)
    await cut()
    await until(page, f"{lives} > {before}")


async def seen(page: Page, what: str) -> Any:  # noqa: ANN401 (any JSON)
    return await page.evaluate(f"seen.{what}")


async def test_every_event_is_handed_over_once_and_in_order_whatever_is_sent_twice(
    visitor: Visitor, api: ScriptedApi
) -> None:
    api.disconnect(SCHWAB, 1)
    page = await client(visitor)
    await run(page)
    api.disconnect(FIDELITY, 2)
    for event in list(api.events):
        api.send(event)
    await until(page, "seen.positions.includes(4)")
    await resumed(page, api.cut)
    api.happen("Attempted", SCHWAB, 3)
    for event in list(api.events):
        api.send(event)
    api.happen("Succeeded", SCHWAB, 3)
    await until(page, "seen.positions.includes(6)")
    assert await seen(page, "positions") == [3, 4, 5, 6]
    snapshots = await seen(page, "snapshots")
    assert [event["position"] for event in snapshots[0]["events"]] == [1, 2]
    assert len(snapshots) == 1


async def test_a_replaced_history_starts_over_with_low_positions(
    visitor: Visitor, api: ScriptedApi
) -> None:
    for attempt in range(3):
        api.disconnect(SCHWAB, attempt)
    page = await client(visitor)
    await run(page)
    api.disconnect(FIDELITY, 10)
    await until(page, "seen.positions.includes(8)")
    api.events.clear()
    api.replace_history()
    await api.cut()
    await until(page, "seen.snapshots.length === 2")
    api.disconnect(FIDELITY, 11)
    await until(page, "seen.positions.includes(2)")
    assert await seen(page, "positions") == [7, 8, 1, 2]
    assert len(await seen(page, "snapshots")) == 2
    assert "stale" in await seen(page, "states")


async def test_a_refused_token_is_asked_for_once_by_all_that_need_it(
    visitor: Visitor, api: ScriptedApi
) -> None:
    visitor.network_may_fail = True
    page = await client(visitor)
    await run(page)
    api.tokens = {"token-2"}
    await page.evaluate("Promise.all([1, 2, 3].map(() => client.history()))")
    await until(page, "seen.states.at(-1) === 'live'")
    assert await seen(page, "asked") == [False, True]


async def test_a_token_that_is_always_refused_ends_in_an_error(
    visitor: Visitor, api: ScriptedApi
) -> None:
    visitor.network_may_fail = True
    api.tokens = set()
    page = await client(visitor)
    code = await page.evaluate("client.history().catch((error) => error.code)")
    assert code == "UNAUTHENTICATED"
    assert await seen(page, "asked") == [False, True]


async def test_a_token_source_that_fails_is_asked_again_later(
    visitor: Visitor, api: ScriptedApi
) -> None:
    api.disconnect(SCHWAB, 1)
    page = await client(
        visitor,
        "async () => { if (seen.asked.push(0) < 3) throw new Error('away'); return token; }",
    )
    code = await page.evaluate("client.history().catch((error) => error.code)")
    assert code == "NO_TOKEN"
    await run(page)
    assert len(await seen(page, "asked")) == 3
    assert "waiting" in await seen(page, "states")


async def test_what_does_not_come_from_the_api_is_no_answer(
    visitor: Visitor, api: ScriptedApi
) -> None:
    visitor.network_may_fail = True
    page = await client(visitor)

    async def bad_gateway(route: Route) -> None:
        await route.fulfill(status=502, body="<h1>Bad Gateway</h1>")

    await page.route("**/graphql", bad_gateway)
    code = await page.evaluate("client.disconnect('1').catch((error) => error.code)")
    assert code == "UNREACHABLE"
    await page.unroute("**/graphql", bad_gateway)
    api.next_answers["Disconnect"].append({"message": "no healthy upstream"})
    code = await page.evaluate("client.disconnect('1').catch((error) => error.code)")
    assert code == "UNREACHABLE"
    api.next_answers["Disconnect"].append(problem("BAD_USER_INPUT"))
    code = await page.evaluate("client.disconnect('1').catch((error) => error.code)")
    assert code == "BAD_USER_INPUT"


async def test_after_stop_nothing_is_called_any_more(visitor: Visitor, api: ScriptedApi) -> None:
    page = await client(visitor)
    await run(page)
    states = await seen(page, "states")
    await page.evaluate("client.stop()")
    api.disconnect(SCHWAB, 1)
    assert await page.evaluate("client.history().then(({ events }) => events.length)") == 2
    assert await seen(page, "positions") == []
    assert await seen(page, "states") == states


async def test_what_happens_during_the_snapshot_is_not_lost(
    visitor: Visitor, api: ScriptedApi
) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow_snapshot() -> Json:
        snapshot = api.snapshot({"last": 50, "largest": 100, "after": None})
        asked.set()
        await answer.wait()
        return snapshot

    api.next_answers["Snapshot"].append(slow_snapshot)
    page = await client(visitor)
    await page.evaluate("void client.run()")
    await asked.wait()
    api.disconnect(SCHWAB, 1)
    answer.set()
    await until(page, "seen.positions.length === 2")
    assert await seen(page, "positions") == [1, 2]


async def test_history_walks_back_page_by_page(visitor: Visitor, api: ScriptedApi) -> None:
    for attempt in range(10):
        api.fail((SCHWAB, FIDELITY)[attempt % 2], attempt, "INTERRUPTED")
    page = await client(visitor)
    pages = await page.evaluate(
        """async (connectionId) => {
          const pages = [];
          let before = null;
          for (let more = true; more; ) {
            const { events, hasEarlier } = await client.history({ before, connectionId, last: 4 });
            pages.push(events.map((event) => event.position));
            before = events[0].cursor;
            more = hasEarlier;
          }
          return pages;
        }""",
        FIDELITY,
    )
    assert pages == [[15, 16, 19, 20], [7, 8, 11, 12], [3, 4]]
