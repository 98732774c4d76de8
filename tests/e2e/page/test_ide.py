"""GraphiQL in the demo: signed in, and all three kinds of operations run."""

import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.e2e.page.visiting.browser import visiting
from tests.support.node import install
from tests.support.processes import running

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOST = "https://unpkg.com"
FILE = re.compile(
    rf"{re.escape(HOST)}/(?P<name>(?:@[^/]+/)?[^/@]+)@(?P<version>[^/]+)/(?P<path>.+)"
)
START = "{ eventCursor connectedProviders(first: 1) { edges { node { id } } } }"


async def from_npm(page: Page) -> None:
    """Serves the files that the page loads from npm packages of the same versions."""

    async def serve(route: Route) -> None:
        asked = FILE.fullmatch(route.request.url)
        assert asked is not None, route.request.url
        package = install() / "node_modules" / asked["name"]
        assert json.loads((package / "package.json").read_text())["version"] == asked["version"]
        headers = {"access-control-allow-origin": "*"}
        await route.fulfill(path=package / asked["path"], headers=headers)

    await page.route(f"{HOST}/**", serve)


async def execute(page: Page, url: str, document: str) -> None:
    """Opens the IDE with a document, and presses its button."""
    await page.goto(f"{url}?q={quote(document)}")
    await page.get_by_role("button", name="Execute query").click()


async def result(page: Page, text: str) -> str:
    """What is shown as the result, once the text is part of it."""
    shown = page.locator(".result-window .CodeMirror-code")
    await expect(shown).to_contain_text(text)
    return (await shown.inner_text()).translate({0x200B: "", 0xA0: " "})


async def test_the_ide_runs_queries_mutations_and_subscriptions(
    browser: Browser, tmp_path: Path
) -> None:
    with running(tmp_path, "demo", "--no-browser", LOG_LEVEL="info") as server:
        async with visiting(browser, server.url, from_npm, HOST) as visitor:
            page, watching = await visitor.page(), await visitor.page()
            await execute(page, server.graphql, START)
            found = json.loads(await result(page, '"id"'))
            after = found["data"]["eventCursor"]
            [edge] = found["data"]["connectedProviders"]["edges"]
            events = f'{{ providerEvents(after: "{after}") {{ __typename connectionId }} }}'
            await execute(watching, server.graphql, f"subscription {events}")
            named = f'{{connectionId: "{edge["node"]["id"]}"}}'
            disconnect = f"mutation {{ disconnectProvider(input: {named}) {{ __typename }} }}"
            await execute(page, server.graphql, disconnect)
            await result(page, "DisconnectProviderSuccess")
            assert edge["node"]["id"] in await result(watching, "ProviderTokenRevocationSucceeded")
