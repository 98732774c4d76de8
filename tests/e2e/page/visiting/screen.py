"""What a person finds on the page, by what they see."""

from typing import Unpack

from playwright.async_api import Locator, Page, expect

from tests.e2e.page.visiting.browser import Device, Visitor
from tests.e2e.page.visiting.scripted_api import ORIGIN, TOKEN


async def open_page(
    visitor: Visitor, token: str = TOKEN, origin: str = ORIGIN, **device: Unpack[Device]
) -> Page:
    """The page on a new device, signed in as the demo does it: by the address."""
    page = await visitor.page(**device)
    await page.goto(f"{origin}/#token={token}")
    return page


def card(page: Page, name: str) -> Locator:
    """A connection, by its provider's name."""
    heading = page.get_by_role("heading", name=name, exact=True)
    return page.locator(":is(#connections, #disconnected) > li").filter(has=heading)


async def unfold(page: Page) -> None:
    """Opens the list of disconnected connections."""
    await page.locator("#fold > summary").click()


def entries(page: Page) -> Locator:
    """What was done, newest first."""
    return page.locator("#days .title")


async def choose_activity(page: Page, connection: str) -> None:
    """Shows what happened to one connection; its name stands between marks of isolation."""
    activity = page.get_by_label("Show the activity of")
    await activity.select_option(f"\N{FIRST STRONG ISOLATE}{connection}\N{POP DIRECTIONAL ISOLATE}")


def status(page: Page) -> Locator:
    """Whether the page is up to date."""
    return page.locator("#status-word")


async def confirm(page: Page, name: str) -> None:
    """Disconnects a provider: the button, and yes."""
    await card(page, name).get_by_role("button", name="Disconnect").click()
    await page.get_by_role("dialog").get_by_role("button", name=f"Disconnect {name}").click()


async def sign_in(page: Page, token: str) -> None:
    """Pastes a token."""
    await page.get_by_label("Access token").fill(token)
    await page.locator("#sign-in-form").get_by_role("button", name="Sign in").click()


async def is_up_to_date(page: Page) -> None:
    """Waits for it."""
    await expect(status(page)).to_have_text("Up to date")
