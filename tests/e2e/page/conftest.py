"""Chromium, a person in front of the page, and the API on a script behind it."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from tests.e2e.page.visiting.browser import PATIENCE, Visitor, visiting
from tests.e2e.page.visiting.scripted_api import ORIGIN, ScriptedApi

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Where it is; tests that need it are skipped when it isn't there."""
    if not CHROMIUM.exists():
        pytest.skip(f"There is no {CHROMIUM}: install Debian's package `chromium`.")
    return CHROMIUM


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: Path) -> AsyncIterator[Browser]:
    """One browser for all tests; each test has devices of its own, which share nothing."""
    expect.set_options(timeout=PATIENCE)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
def api() -> ScriptedApi:
    """Three connections, and nothing done yet."""
    api = ScriptedApi()
    api.connect("schwab", "My IRA")
    api.connect("wells-fargo", "Household", status="EXPIRED")
    api.connect("fidelity")
    return api


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(browser: Browser, api: ScriptedApi) -> AsyncIterator[Visitor]:
    """A browser on the page that the scripted API serves."""
    async with visiting(browser, ORIGIN, api.serve) as visitor:
        yield visitor
