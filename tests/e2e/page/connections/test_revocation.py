"""What became of the access at the provider: live, in plain words, with a link where one helps."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.e2e.page.visiting.browser import Visitor
from tests.e2e.page.visiting.screen import card, confirm, entries, is_up_to_date, open_page, unfold
from tests.e2e.page.visiting.scripted_api import Json, ScriptedApi, result

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCHWAB = "00000000-0000-0000-0000-000000000001"
MANAGE = "https://myaccount.google.com/permissions"
START = "2026-03-02T09:30:00Z"


STATUSES = [
    ("PENDING", None, "Waiting for {}"),
    ("ACCEPTED", MANAGE, "Access ended at {}"),
    ("ALREADY_GONE", MANAGE, "Access had already ended at {}"),
    ("NOTHING_TO_REVOKE", None, "The app had no access at {}"),
    ("SHARED_GRANT", MANAGE, "Access at {} stays: another of your connections uses it"),
    ("FAILED", MANAGE, "{} did not confirm that access ended: check here"),
    ("FAILED", None, "{} did not confirm that access ended: check in your account with {}"),
    ("NOT_SUPPORTED", MANAGE, "{} has no way for apps to end access: do it here"),
    ("NOT_SUPPORTED", None, "{} has no way for apps to end access: end it in your account with {}"),
    ("NOT_ATTEMPTED", MANAGE, "{} was not asked to end access: do it here"),
    ("NOT_ATTEMPTED", None, "{} was not asked to end access: end it in your account with {}"),
]


def ended(api: ScriptedApi, slug: str, status: str, manage_url: str | None) -> str:
    """A disconnected connection; returns its id."""
    connection_id = api.connect(slug, status="DISCONNECTED")
    revocation = {"status": status, "since": START, "manageUrl": manage_url}
    api.connections[-1]["revocation"] = revocation
    return connection_id


async def test_every_status_has_its_words(visitor: Visitor, api: ScriptedApi) -> None:
    for number, (status, manage_url, _) in enumerate(STATUSES):
        ended(api, f"bank-{number}", status, manage_url)
    page = await open_page(visitor)
    await unfold(page)
    for number, (_, _, sentence) in enumerate(STATUSES):
        name = f"Bank {number}"
        words = card(page, name).locator(".at-provider")
        text = sentence.replace("{}", name)
        if not sentence.endswith("here"):
            await expect(words).to_have_text(text)
            await expect(words.get_by_role("link")).to_have_count(0)
            continue
        await expect(words).to_have_text(f"{text} at {name}")  # the last words are for the ear
        link = words.get_by_role("link", name=f"{text.rpartition(': ')[2]} at {name}")
        await expect(link).to_have_attribute("href", MANAGE)
        await expect(link).to_have_attribute("rel", "noopener noreferrer")


async def test_only_https_leads_away(visitor: Visitor, api: ScriptedApi) -> None:
    addresses = [
        "javascript:alert(document.domain)",
        "http://id.example/apps",
        "//id.example/apps",
        "data:text/html,x",
        "",
    ]
    for number, address in enumerate(addresses):
        ended(api, f"bank-{number}", "FAILED", address)
    page = await open_page(visitor)
    await unfold(page)
    for number in range(len(addresses)):
        words = card(page, f"Bank {number}").locator(".at-provider")
        await expect(words).to_contain_text("check in your account")
        await expect(words.get_by_role("link")).to_have_count(0)


async def test_an_address_is_text_and_never_markup(visitor: Visitor, api: ScriptedApi) -> None:
    odd = 'https://id.example/"onmouseover="x&<img src=x onerror=document.title=1>'
    ended(api, "google", "FAILED", odd)
    page = await open_page(visitor)
    await unfold(page)
    link = card(page, "Google").get_by_role("link")
    await expect(link).to_have_attribute("href", odd)
    await expect(card(page, "Google").locator("img")).to_have_count(0)
    assert await link.get_attribute("onmouseover") is None


async def test_it_is_followed_live_on_every_screen(visitor: Visitor, api: ScriptedApi) -> None:
    page = await open_page(visitor)
    other = await open_page(visitor)
    for one in (page, other):
        await is_up_to_date(one)
    api.disconnect(SCHWAB, 1)
    api.revoke("Attempted", SCHWAB, 2)
    for one in (page, other):
        await expect(card(one, "Schwab")).to_contain_text("Waiting for Schwab")
    api.revoke("Succeeded", SCHWAB, 2, evidence="ACCEPTED")
    for one in (page, other):
        await expect(card(one, "Schwab")).to_contain_text("Access ended at Schwab")
        await expect(entries(one)).to_have_text(
            [
                "Access ended at Schwab",
                "Schwab is asked to end access",
                "You disconnected Schwab",
                "You asked to disconnect Schwab",
            ]
        )
        await expect(one.locator("#announcement")).to_have_text("Access ended at Schwab")
    assert "LookUp" not in [name for name, _ in api.operations]


async def test_what_did_not_end_says_why(visitor: Visitor, api: ScriptedApi) -> None:
    not_confirmed = "Schwab did not confirm that access ended"
    outcomes = [
        ("GAVE_UP", not_confirmed, "could not be reached, or gave no clear answer, for too long"),
        ("REFUSED", not_confirmed, "refused to end the access"),
        ("UNREADABLE_CREDENTIALS", not_confirmed, "could not be read"),
        ("SHARED_GRANT", "Access at Schwab stays: another of your connections uses it", ""),
    ]
    page = await open_page(visitor)
    await is_up_to_date(page)
    api.disconnect(SCHWAB, 1)
    for attempt, (reason, sentence, why) in enumerate(outcomes, start=2):
        api.revoke("Attempted", SCHWAB, attempt)
        await expect(card(page, "Schwab")).to_contain_text("Waiting for Schwab")
        told = {"reason": reason, "message": "For people.", "manageUrl": MANAGE}
        api.revoke("Failed", SCHWAB, attempt, **told)
        await expect(card(page, "Schwab")).to_contain_text(sentence)
        await expect(entries(page).first).to_have_text(sentence)
        await expect(page.locator(".entry").first).to_contain_text(why)


async def test_tokens_that_came_late_are_waited_for_again(
    visitor: Visitor, api: ScriptedApi
) -> None:
    late = ended(api, "google", "ACCEPTED", MANAGE)
    page = await open_page(visitor)
    await unfold(page)
    await is_up_to_date(page)
    api.revoke("Attempted", late, 2)
    await expect(card(page, "Google")).to_contain_text("Waiting for Google")
    api.revoke("Failed", late, 2, reason="GAVE_UP", message="For people.", manageUrl=None)
    await expect(card(page, "Google").get_by_role("link")).to_have_attribute("href", MANAGE)


async def test_an_answer_that_is_older_than_an_event_takes_nothing_back(
    visitor: Visitor, api: ScriptedApi
) -> None:
    async def when_it_has_ended() -> Json:
        api.disconnect(SCHWAB, 1)
        api.revoke("Attempted", SCHWAB, 2)
        answer = result("DisconnectProviderSuccess", connectedProvider=dict(api.connections[0]))
        api.revoke("Succeeded", SCHWAB, 2, evidence="ALREADY_GONE")
        await expect(card(page, "Schwab")).to_contain_text("Access had already ended at Schwab")
        return answer

    api.next_answers["Disconnect"].append(when_it_has_ended)
    page = await open_page(visitor)
    await confirm(page, "Schwab")
    await expect(card(page, "Schwab")).to_contain_text("Access had already ended at Schwab")
    await expect(card(page, "Schwab")).not_to_contain_text("Waiting")


async def test_a_provider_without_a_way_is_known_on_the_other_screen_too(
    visitor: Visitor, api: ScriptedApi
) -> None:
    """No event tells of it, so the connection is read again: once, also after a lost answer."""
    visitor.network_may_fail = True
    api.unrevoked = {"status": "NOT_SUPPORTED", "manageUrl": MANAGE}
    asked = asyncio.Event()

    async def lost() -> None:
        asked.set()

    api.next_answers["LookUp"].append(lost)
    page = await open_page(visitor)
    await is_up_to_date(page)
    api.disconnect(SCHWAB, 1)
    await expect(card(page, "Schwab")).to_contain_text("Disconnected")
    await asked.wait()
    await api.cut()
    await expect(card(page, "Schwab")).to_contain_text("Schwab has no way for apps to end access")
    await expect(card(page, "Schwab").get_by_role("link")).to_have_attribute("href", MANAGE)
    assert [name for name, _ in api.operations].count("LookUp") == 2


async def test_what_a_renewed_connection_had_before_is_not_its_end(
    visitor: Visitor, api: ScriptedApi
) -> None:
    page = await open_page(visitor)
    await is_up_to_date(page)
    api.happen("ProviderConnected", SCHWAB, 1, created=False)
    api.happen("ProviderTokenRevocationAttempted", SCHWAB, 2)
    await expect(entries(page).first).to_have_text("Schwab is asked to end the earlier access")
    at_provider = card(page, "Schwab").locator(".at-provider")
    await expect(at_provider).to_have_count(0)

    api.disconnect(SCHWAB, 3)
    api.revoke("Attempted", SCHWAB, 4)
    api.happen("ProviderTokenRevocationSucceeded", SCHWAB, 2, evidence="ACCEPTED")
    await expect(entries(page).first).to_have_text("The earlier access at Schwab ended")
    await expect(at_provider).to_have_text("Waiting for Schwab")
    api.revoke("Succeeded", SCHWAB, 4, evidence="ACCEPTED")
    await expect(at_provider).to_have_text("Access ended at Schwab")
