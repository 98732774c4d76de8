"""The pictures of the documents: made by these tests, so that they show the page as it is.

`WRITE_PICTURES=1 uv run --group dev pytest tests/e2e/page/test_pictures.py` makes them anew. Other
runs compare their size only, because fonts differ between machines.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from infrastructure.web.page import Logo, PageContent, ShownProvider
from tests.e2e.page.visiting.browser import Device, Visitor
from tests.e2e.page.visiting.screen import card
from tests.e2e.page.visiting.scripted_api import ORIGIN, TOKEN, ScriptedApi

pytestmark = pytest.mark.asyncio(loop_scope="session")

DOCS = Path(__file__).parents[3] / "docs"
NOW = datetime(2026, 3, 2, 10, 5, tzinfo=UTC)
WIDE: Device = {"viewport": {"width": 1200, "height": 900}}
PICTURES: dict[str, Device] = {
    "page-light": {**WIDE, "color_scheme": "light"},
    "page-dark": {**WIDE, "color_scheme": "dark"},
    "page-phone": {"viewport": {"width": 390, "height": 840}, "color_scheme": "light"},
}


LOGO = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<rect width="32" height="32" rx="7" fill="#0b7fab"/>
<path d="M7 21c4-1 4-9 9-9s5 8 9 9" fill="none" stroke="#fff" stroke-width="3"/></svg>"""
CONTENT = PageContent(
    app_name="Acme Money",
    reconnect_url="https://money.example/connect",
    privacy_url="https://money.example/privacy",
    providers={
        "schwab": ShownProvider(
            name="Charles Schwab", logo=Logo(suffix=".svg", content=LOGO.encode())
        )
    },
)


@pytest.fixture
def api() -> ScriptedApi:
    """The API of an app with a name, whose operator described one provider."""
    api = ScriptedApi(CONTENT)
    api.connect("schwab", "My IRA")
    api.connect("wells-fargo", "Household", status="EXPIRED")
    api.connect("fidelity")
    return api


async def an_eventful_day(visitor: Visitor, api: ScriptedApi, device: Device) -> Page:
    """Something of everything: a failure, successes, and what is under way."""
    schwab, wells_fargo, fidelity = (connection["id"] for connection in api.connections)
    coinbase = api.connect("coinbase")
    api.connect("vanguard", "Retirement 2050")
    api.disconnect(coinbase, 1)
    api.revoke("Attempted", coinbase, 5)
    api.revoke("Succeeded", coinbase, 5, evidence="ACCEPTED")
    api.fail(wells_fargo, 2, "DATABASE_ERROR")
    for event, ago in zip(api.events, [1440] * 4 + [95, 95], strict=True):
        event["occurredAt"] = (NOW - timedelta(minutes=ago)).isoformat()
    api.connections[3]["disconnectedAt"] = api.events[1]["occurredAt"]
    page = await visitor.page(**device)
    await page.clock.set_fixed_time(NOW)
    await page.goto(f"{ORIGIN}/#token={TOKEN}")
    await expect(card(page, "Charles Schwab")).to_be_visible()
    api.disconnect(fidelity, 3)
    api.revoke("Attempted", fidelity, 6)
    api.happen("Attempted", schwab, 4)
    await expect(card(page, "Charles Schwab")).to_contain_text("Disconnecting…")
    return page


@pytest.mark.parametrize("name", PICTURES)
async def test_the_pictures_are_there(visitor: Visitor, api: ScriptedApi, name: str) -> None:
    page = await an_eventful_day(visitor, api, PICTURES[name])
    picture = await page.screenshot(animations="disabled")
    file = DOCS / f"{name}.png"
    if os.environ.get("WRITE_PICTURES"):
        file.write_bytes(picture)
    assert size(file.read_bytes()) == size(picture)


def size(png: bytes) -> tuple[int, int]:
    """Width and height, from the header (PNG, section 11.2.2)."""
    assert png[1:4] == b"PNG"
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
