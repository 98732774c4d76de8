"""Real Chromium, and people in front of it who notice every error and every foreign request."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal, TypedDict, Unpack

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    ViewportSize,
)

PATIENCE = 20_000
"""Milliseconds until something that should show is missed."""


class Device(TypedDict, total=False):
    """What a person looks at the page with."""

    viewport: ViewportSize
    color_scheme: Literal["light", "dark"]
    reduced_motion: Literal["reduce"]
    forced_colors: Literal["active"]


class Visitor:
    """Opens pages in contexts ("devices") of its own, and collects what went wrong in them."""

    def __init__(self, browser: Browser, prepare: Callable[[Page], Awaitable[None]]) -> None:
        self._browser = browser
        self._prepare = prepare
        self._devices: list[BrowserContext] = []
        self.network_may_fail = False
        self.problems: list[str] = []
        self.requests: list[str] = []

    async def page(self, **device: Unpack[Device]) -> Page:
        """A blank page on a device of its own, 1200 by 900, in London, unless told otherwise."""
        settings: dict[str, Any] = {
            "viewport": {"width": 1200, "height": 900},
            "locale": "en-GB",
            "timezone_id": "Europe/London",
        }
        context = await self._browser.new_context(**(settings | {**device}))
        context.set_default_timeout(PATIENCE)
        self._devices.append(context)
        return await self.tab(context)

    async def tab(self, context: BrowserContext) -> Page:
        """A blank page on a device that is there already."""
        page = await context.new_page()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", lambda socket: self.requests.append(socket.url))
        await self._prepare(page)
        return page

    async def leave(self) -> None:
        for context in self._devices:
            await context.close()

    def _console(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        failed = "WebSocket connection to" in message.text or "Failed to load" in message.text
        if not (failed and self.network_may_fail):
            self.problems.append(f"console: {message.text}")


@asynccontextmanager
async def visiting(
    browser: Browser, origin: str, prepare: Callable[[Page], Awaitable[None]], *more: str
) -> AsyncIterator[Visitor]:
    """A visitor whose visit must leave no error behind and never leave the origins."""
    visitor = Visitor(browser, prepare)
    yield visitor
    await visitor.leave()
    own = (f"{origin}/", f"{origin}/".replace("http", "ws", 1), *(f"{host}/" for host in more))
    foreign = [url for url in visitor.requests if not url.startswith(own)]
    assert visitor.problems == []
    assert foreign == []


async def nothing_to_prepare(_page: Page) -> None:
    """For pages that a real server serves."""
