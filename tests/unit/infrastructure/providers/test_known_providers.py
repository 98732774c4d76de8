"""Each known provider is sent what its documentation shows, byte for byte."""

from base64 import b64encode
from typing import NamedTuple

import pytest

from infrastructure.providers.catalogue import known_providers
from infrastructure.providers.requests import requests_for
from tests.unit.infrastructure.providers.entries import CLIENT, ENDPOINT, known

BASIC = "Basic " + b64encode(f"{CLIENT['client_id']}:{CLIENT['client_secret']}".encode()).decode()
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
CLIENT_FORM = "client_id=the-client&client_secret=hunter2"
CREDENTIALS = {
    "refresh_token": "r-1",
    "access_token": "a-1",
    "instance_url": "https://acme.my.salesforce.com",
    "stripe_user_id": "acct_1",
}


class Shown(NamedTuple):
    """A request of a documentation page; `then` is the body of the one for the next token."""

    method: str
    url: str
    headers: dict[str, str]
    body: str
    then: str | None = None


SHOWN = {
    "rfc7009": Shown(
        "POST",
        ENDPOINT,
        {"Authorization": BASIC, "Content-Type": FORM},
        "token=r-1",
        "token=a-1",
    ),
    "box": Shown(
        "POST",
        "https://api.box.com/oauth2/revoke",
        {"Content-Type": FORM},
        f"{CLIENT_FORM}&token=r-1",
        f"{CLIENT_FORM}&token=a-1",
    ),
    "coinbase": Shown(
        "POST",
        "https://login.coinbase.com/oauth2/revoke",
        {"Authorization": "Bearer a-1", "Content-Type": FORM},
        f"{CLIENT_FORM}&token=a-1",
    ),
    "dropbox": Shown(
        "POST",
        "https://api.dropboxapi.com/2/auth/token/revoke",
        {"Authorization": "Bearer a-1"},
        "",
    ),
    "fitbit": Shown(
        "POST",
        "https://api.fitbit.com/oauth2/revoke",
        {"Authorization": BASIC, "Content-Type": FORM},
        "token=r-1",
        "token=a-1",
    ),
    "github": Shown(
        "DELETE",
        "https://api.github.com/applications/the-client/grant",
        {
            "Accept": "application/vnd.github+json",
            "Authorization": BASIC,
            "Content-Type": JSON,
        },
        '{"access_token": "a-1"}',
    ),
    "google": Shown(
        "POST",
        "https://oauth2.googleapis.com/revoke",
        {"Content-Type": FORM},
        "token=r-1",
        "token=a-1",
    ),
    "hubspot": Shown(
        "POST",
        "https://api.hubapi.com/oauth/2026-03/token/revoke",
        {"Content-Type": FORM},
        f"{CLIENT_FORM}&token=r-1&token_type_hint=refresh_token",
    ),
    "intuit": Shown(
        "POST",
        "https://developer.api.intuit.com/v2/oauth2/tokens/revoke",
        {"Accept": JSON, "Authorization": BASIC, "Content-Type": JSON},
        '{"token": "r-1"}',
        '{"token": "a-1"}',
    ),
    "notion": Shown(
        "POST",
        "https://api.notion.com/v1/oauth/revoke",
        {"Authorization": BASIC, "Content-Type": JSON, "Notion-Version": "2025-09-03"},
        '{"token": "a-1"}',
    ),
    "plaid": Shown(
        "POST",
        "https://production.plaid.com/item/remove",
        {"Content-Type": JSON},
        '{"client_id": "the-client", "secret": "hunter2", "access_token": "a-1"}',
    ),
    "salesforce": Shown(
        "POST",
        "https://acme.my.salesforce.com/services/oauth2/revoke",
        {"Content-Type": FORM},
        "token=r-1",
        "token=a-1",
    ),
    "slack": Shown(
        "POST",
        "https://slack.com/api/auth.revoke",
        {"Authorization": "Bearer a-1", "Content-Type": FORM},
        "",
    ),
    "square": Shown(
        "POST",
        "https://connect.squareup.com/oauth2/revoke",
        {"Authorization": "Client hunter2", "Content-Type": JSON},
        '{"client_id": "the-client", "access_token": "a-1"}',
    ),
    "strava": Shown(
        "POST",
        "https://www.strava.com/oauth/deauthorize",
        {"Content-Type": FORM},
        "access_token=a-1",
    ),
    "stripe": Shown(
        "POST",
        "https://connect.stripe.com/oauth/deauthorize",
        {"Authorization": "Bearer hunter2", "Content-Type": FORM},
        "client_id=the-client&stripe_user_id=acct_1",
    ),
    "zoom": Shown(
        "POST",
        "https://zoom.us/oauth/revoke",
        {"Authorization": BASIC, "Content-Type": FORM},
        "token=a-1",
    ),
}


@pytest.mark.parametrize("name", sorted(known_providers()))
def test_what_is_sent_is_what_the_documentation_shows(name: str) -> None:
    shown = SHOWN.get(name)
    sent = requests_for(known(name), CREDENTIALS)
    if shown is None:
        assert not sent  # no way for apps
        return
    bodies = [shown.body] if shown.then is None else [shown.body, shown.then]
    assert [(request.method, request.url, request.body.decode()) for request in sent] == [
        (shown.method, shown.url, body) for body in bodies
    ]
    assert all(request.headers == shown.headers for request in sent)
    assert not any(request.private_addresses for request in sent)


def test_who_has_no_way_for_apps_is_named() -> None:
    without = {name for name in known_providers() if name not in SHOWN}
    assert without == {"microsoft", "spotify"}
