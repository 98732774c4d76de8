"""The page on the running product, and what may come between the two."""

import asyncio
import contextlib
import re
import sys
import time
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from playwright.async_api import Browser, Page, expect
from uuid_utils.compat import uuid7

from tests.e2e.client import User
from tests.e2e.page.visiting.browser import Visitor, nothing_to_prepare, visiting
from tests.e2e.page.visiting.screen import (
    card,
    confirm,
    entries,
    is_up_to_date,
    open_page,
    sign_in,
    status,
)
from tests.support.network.tcp_proxy import Cut, TcpProxy
from tests.support.processes import Server, bearer, connection_line, running, unplug

pytestmark = pytest.mark.asyncio(loop_scope="session")

OWNER = UUID(int=1)
WHEN_SHOWN = """() => {
  const shown = () => document.querySelector('[data-phase="disconnected"]');
  window.shownAt = new Promise((resolve) => {
    new MutationObserver(() => shown() && resolve(Date.now())).observe(
      document.getElementById("connections"),
      { subtree: true, attributes: true, childList: true },
    );
  });
}"""


def connected(folder: Path, *slugs: str) -> dict[str, UUID]:
    """Connections of the owner, imported; their ids by provider."""
    ids: dict[str, UUID] = {slug: uuid7() for slug in slugs}
    lines = [connection_line(OWNER, id_, provider_slug=slug) for slug, id_ in ids.items()]
    assert unplug("import", "-", cwd=folder, stdin="".join(lines)).returncode == 0
    return ids


def visit(browser: Browser, origin: str) -> contextlib.AbstractAsyncContextManager[Visitor]:
    return visiting(browser, origin, nothing_to_prepare)


def says(server: Server) -> list[str]:
    """What the log of the owner holds, as the page puts it, newest first."""
    phrases = {
        "ProviderDisconnectionAttempted": "You asked to disconnect {}",
        "ProviderDisconnectionSucceeded": "You disconnected {}",
        "ProviderDisconnectionFailed": "{} was not disconnected",
    }
    return [
        phrases[event["__typename"]].format(event["provider"]["slug"].title())
        for event in reversed(User(server, OWNER).snapshot()["events"])
    ]


async def test_the_demo_opens_signed_in_and_really_ends_access(
    browser: Browser, tmp_path: Path
) -> None:
    with running(tmp_path, "demo", "--no-browser", LOG_LEVEL="info") as server:
        output = await asyncio.to_thread(server.output_with, "with a token")
        found = re.search(r"http\S+#token=\S+", output)
        provider = re.search(r"demo provider[^\n]*\n *(http\S+)", output)
        assert found is not None
        assert provider is not None
        async with httpx.AsyncClient() as http:
            assert "schwab: access works" in (await http.get(provider[1])).text
        async with visit(browser, server.url) as visitor:
            page = await visitor.page()
            await page.goto(found[0])
            await is_up_to_date(page)
            assert page.url == f"{server.url}/"
            await confirm(page, "Schwab")
            await expect(card(page, "Schwab")).to_contain_text("Disconnected")
            await expect(card(page, "Schwab")).to_contain_text("Access ended at Schwab")
            await expect(entries(page)).to_have_text(
                [
                    "Access ended at Schwab",
                    "Schwab is asked to end access",
                    "You disconnected Schwab",
                    "You asked to disconnect Schwab",
                ]
            )
        async with httpx.AsyncClient() as http:
            ended = (await http.get(provider[1])).text
    assert "schwab: access has ended" in ended
    assert "chase: access works" in ended


async def test_two_tabs_and_another_device_agree_within_a_second(
    browser: Browser, tmp_path: Path
) -> None:
    connected(tmp_path, "schwab", "fidelity")
    with running(tmp_path, PAGE="on") as server:
        async with visit(browser, server.url) as visitor:
            first = await open_page(visitor, bearer(OWNER), server.url)
            second = await visitor.tab(first.context)
            await second.goto(f"{server.url}/#token={bearer(OWNER)}")
            phone = await open_page(
                visitor, bearer(OWNER), server.url, viewport={"width": 360, "height": 640}
            )
            screens = [first, second, phone]
            for screen in screens:
                await is_up_to_date(screen)
                await screen.evaluate(WHEN_SHOWN)
            await confirm(first, "Schwab")
            moments = [await screen.evaluate("shownAt") for screen in screens]
            assert max(moments) - min(moments) < 1000
            for screen in screens:
                await expect(card(screen, "Schwab")).to_contain_text("Disconnected")
                await expect(entries(screen)).to_have_text(says(server))
                await expect(card(screen, "Fidelity").get_by_role("button")).to_be_enabled()


async def test_the_real_server_disconnects_all(browser: Browser, tmp_path: Path) -> None:
    connected(tmp_path, "schwab", "fidelity", "chase")
    with running(tmp_path, PAGE="on", APP_NAME="Acme Money") as server:
        async with visit(browser, server.url) as visitor:
            page = await open_page(visitor, bearer(OWNER), server.url)
            await is_up_to_date(page)
            await expect(page.locator(".brand")).to_have_text("Acme Money")
            await page.get_by_role("button", name="Disconnect all").click()
            await page.get_by_role("button", name="Disconnect all 3").click()
            await expect(page.locator("#all-words")).to_have_text(
                "3 connections were disconnected."
            )
            for name in ("Schwab", "Fidelity", "Chase"):
                await expect(card(page, name)).to_contain_text("Ended by you")


async def test_a_demos_tab_survives_its_server(browser: Browser, tmp_path: Path) -> None:
    with running(tmp_path, "demo", "--no-browser", LOG_LEVEL="info") as server:
        output = await asyncio.to_thread(server.output_with, "with a token")
        address = re.search(r"http\S+#token=\S+", output)
        assert address is not None
        async with visit(browser, server.url) as visitor:
            visitor.network_may_fail = True
            page = await visitor.page()
            await page.goto(address[0])
            await is_up_to_date(page)
            server.kill()
            await expect(status(page)).to_have_text("Reconnecting…")
            port = server.url.rpartition(":")[2]
            with running(tmp_path, "demo", "--no-browser", PORT=port, LOG_LEVEL="info"):
                await is_up_to_date(page)
                await confirm(page, "Chase")
                await expect(card(page, "Chase")).to_contain_text("Disconnected")
            secret = tmp_path / "unplug-demo.sqlite3.secret"
            assert secret.stat().st_mode & 0o777 == 0o600
            secret.unlink()
            with running(tmp_path, "demo", "--no-browser", PORT=port, LOG_LEVEL="info"):
                await expect(status(page)).to_have_text("Signed out")
                await expect(page.locator("#sign-in")).to_contain_text(
                    "Your access token has expired, or the server no longer accepts it."
                )
                await expect(card(page, "Chase")).to_contain_text("Disconnected")


async def test_strangers_see_nothing_of_it(browser: Browser, tmp_path: Path) -> None:
    connected(tmp_path, "schwab")
    with running(tmp_path, PAGE="on") as server:
        async with visit(browser, server.url) as visitor:
            owner = await open_page(visitor, bearer(OWNER), server.url)
            stranger = await open_page(visitor, bearer(UUID(int=2)), server.url)
            await is_up_to_date(stranger)
            await confirm(owner, "Schwab")
            await expect(entries(owner)).to_have_count(2)
            await expect(stranger.get_by_role("heading", name="No activity yet")).to_be_visible()
            await expect(entries(stranger)).to_have_count(0)


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ("after Attempted is committed", "The request was interrupted. Nothing has changed"),
        ("after the disconnection is committed", "Disconnected"),
    ],
)
async def test_a_server_killed_in_the_middle_of_a_disconnect(
    browser: Browser, tmp_path: Path, step: str, sentence: str
) -> None:
    connected(tmp_path, "schwab", "fidelity")
    doomed = Server(
        tmp_path,
        "serve",
        executable=[sys.executable, "-m", "tests.e2e.nodes.killed", step],
        PAGE="on",
    )
    with doomed:
        async with visit(browser, doomed.url) as visitor:
            visitor.network_may_fail = True
            page = await open_page(visitor, bearer(OWNER), doomed.url)
            await is_up_to_date(page)
            await confirm(page, "Schwab")
            doomed.wait()
            await expect(status(page)).to_have_text("Reconnecting…")
            port = doomed.url.rpartition(":")[2]
            with running(tmp_path, PAGE="on", PORT=port) as server:
                await expect(card(page, "Schwab")).to_contain_text(sentence)
                await is_up_to_date(page)
                await expect(entries(page)).to_have_text(says(server))
                again = card(page, "Schwab").get_by_role("button", name="Try again")
                if await again.is_visible():
                    await again.click()
                await expect(card(page, "Schwab")).to_contain_text("Disconnected")
                await expect(entries(page)).to_have_text(says(server))


async def test_a_network_that_is_cut_in_the_middle_of_a_disconnect(
    browser: Browser, tmp_path: Path
) -> None:
    ids = connected(tmp_path, "schwab", "fidelity")
    with running(tmp_path, PAGE="on") as server:
        proxy = TcpProxy(int(server.url.rpartition(":")[2]))
        cut = asyncio.Event()

        def judge(_connection: int, data: bytes) -> Cut | None:
            if cut.is_set() or b"mutation Disconnect" not in data:
                return None
            cut.set()
            return Cut.AFTER

        proxy.judge = judge
        async with proxy, visit(browser, f"http://127.0.0.1:{proxy.port}") as visitor:
            visitor.network_may_fail = True
            page = await open_page(visitor, bearer(OWNER), f"http://127.0.0.1:{proxy.port}")
            await is_up_to_date(page)
            await confirm(page, "Schwab")
            await cut.wait()
            await proxy.cut_all()
            await away_and_back(page, proxy, server, ids["fidelity"])


async def test_a_request_that_never_arrived_is_said_to_be_lost(
    browser: Browser, tmp_path: Path
) -> None:
    connected(tmp_path, "schwab")
    with running(tmp_path, PAGE="on") as server:
        proxy = TcpProxy(int(server.url.rpartition(":")[2]))
        proxy.judge = lambda _connection, data: (
            Cut.BEFORE if b"mutation Disconnect" in data else None
        )
        async with proxy, visit(browser, f"http://127.0.0.1:{proxy.port}") as visitor:
            visitor.network_may_fail = True
            page = await open_page(visitor, bearer(OWNER), f"http://127.0.0.1:{proxy.port}")
            await is_up_to_date(page)
            await confirm(page, "Schwab")
            schwab = card(page, "Schwab")
            await expect(schwab).to_contain_text("The connection was lost before the answer")
            await proxy.cut_all()
            await expect(schwab).to_contain_text("the server has no record of the request")
            await is_up_to_date(page)
            proxy.judge = lambda _connection, _data: None
            await schwab.get_by_role("button", name="Try again").click()
            await expect(schwab).to_contain_text("Disconnected")
            await expect(entries(page)).to_have_text(says(server))


async def away_and_back(page: Page, proxy: TcpProxy, server: Server, elsewhere: UUID) -> None:
    """Nothing gets through for a while, in which another device does something."""
    await proxy.__aexit__(None, None, None)
    await expect(status(page)).to_have_text("Reconnecting…")
    User(server, OWNER).disconnect(elsewhere)
    await expect(page.locator("#status-countdown")).not_to_be_empty()
    await proxy.__aenter__()
    await is_up_to_date(page)
    await expect(card(page, "Schwab")).to_contain_text("Disconnected")
    await expect(card(page, "Fidelity")).to_contain_text("Disconnected")
    await expect(entries(page)).to_have_text(says(server))
    await expect(page.locator(".problem")).to_have_count(0)


async def test_a_token_that_expires_is_replaced_and_nothing_is_missed(
    browser: Browser, tmp_path: Path
) -> None:
    ids = connected(tmp_path, "schwab", "fidelity")
    with running(tmp_path, PAGE="on") as server:
        async with visit(browser, server.url) as visitor:
            visitor.network_may_fail = True
            short = bearer(OWNER, exp=int(time.time()) + 10)
            page = await open_page(visitor, short, server.url)
            await is_up_to_date(page)
            await confirm(page, "Schwab")
            await expect(entries(page)).to_have_count(2)
            await expect(page.get_by_role("heading", name="You were signed out")).to_be_visible()
            await expect(status(page)).to_have_text("Signed out")
            User(server, OWNER).disconnect(ids["fidelity"])
            await sign_in(page, bearer(OWNER))
            await is_up_to_date(page)
            await expect(card(page, "Fidelity")).to_contain_text("Disconnected")
            await expect(entries(page)).to_have_text(says(server))


async def test_a_thousand_events_are_all_there_and_it_stays_live(
    browser: Browser, tmp_path: Path
) -> None:
    ids = connected(tmp_path, "schwab", "fidelity")
    with running(tmp_path, PAGE="on", MAX_MUTATIONS_PER_SECOND="100000") as server:
        owner = User(server, OWNER)
        disconnect = f'disconnectProvider(input: {{connectionId: "{ids["schwab"]}"}})'
        many = " ".join(f"m{number}: {disconnect} {{ __typename }}" for number in range(20))
        for _ in range(25):
            assert "errors" not in owner.run(f"mutation {{ {many} }}")
        async with visit(browser, server.url) as visitor:
            page = await open_page(visitor, bearer(OWNER), server.url)
            await is_up_to_date(page)
            beginning = page.get_by_text("This is where your activity begins.")
            while not await beginning.is_visible():
                known = await entries(page).count()
                await page.evaluate("scrollTo(0, document.body.scrollHeight)")
                await page.wait_for_function(
                    "(known) => document.querySelectorAll('.entry').length > known"
                    " || !document.getElementById('beginning').hidden",
                    arg=known,
                )
            positions = await page.evaluate(
                "[...document.querySelectorAll('.entry')].map((one) => +one.dataset.position)"
            )
            assert positions == list(range(1000, 0, -1))
            owner.disconnect(ids["fidelity"])
            await expect(entries(page).first).to_have_text("You disconnected Fidelity")
            await expect(entries(page)).to_have_count(1002)
