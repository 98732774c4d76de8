"""What is sent to end a connection's tokens."""

import json
from base64 import b64decode
from urllib.parse import parse_qsl

import pytest

from domain.token_revocation import UnreadableCredentials
from infrastructure.providers.requests import (
    TokenRequest,
    have_a_token_in_common,
    requests_for,
)
from tests.unit.infrastructure.providers.entries import entry, known

DATA = {"refresh_token": "r-1", "access_token": "a-1"}


def form(request: TokenRequest) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode()))


def test_each_token_has_a_request_and_the_refresh_token_goes_first() -> None:
    first, second = requests_for(known("google"), {"access_token": "a-1", "refresh_token": "r-1"})
    assert (first.token, form(first)) == ("refresh_token", {"token": "r-1"})
    assert (second.token, form(second)) == ("access_token", {"token": "a-1"})
    assert first.method == "POST"
    assert first.headers == {"Content-Type": "application/x-www-form-urlencoded"}
    assert not first.private_addresses


def test_github_by_basic_authentication_with_the_client_in_the_path() -> None:
    (request,) = requests_for(known("github", client_id="a/b"), DATA)
    assert request.method == "DELETE"
    assert request.url == "https://api.github.com/applications/a%2Fb/grant"
    assert json.loads(request.body) == {"access_token": "a-1"}
    basic = request.headers["Authorization"].removeprefix("Basic ")
    assert b64decode(basic) == b"a%2Fb:hunter2"  # RFC 6749, section 2.3.1


def test_slack_and_dropbox_by_the_token_itself() -> None:
    for name in ("slack", "dropbox"):
        (request,) = requests_for(known(name), DATA)
        assert request.headers["Authorization"] == "Bearer a-1"
        assert request.body == b""


def test_stripe_without_a_token() -> None:
    (request,) = requests_for(known("stripe"), {"stripe_user_id": "acct_1"})
    assert request.token is None
    assert form(request) == {"client_id": "the-client", "stripe_user_id": "acct_1"}
    assert request.headers["Authorization"] == "Bearer hunter2"


def test_a_hint_is_sent_where_it_is_declared_only() -> None:
    assert form(requests_for(known("rfc7009"), DATA)[0]) == {"token": "r-1"}
    hinted = requests_for(known("rfc7009", token_type_hint=True), DATA)
    assert [form(request)["token_type_hint"] for request in hinted] == [
        "refresh_token",
        "access_token",
    ]


def test_fields_keep_their_kind() -> None:
    fields = {"token": "{token}", "all": True, "n": 7}
    assert json.loads(requests_for(entry(body="json", fields=fields), DATA)[0].body) == {
        "token": "r-1",
        "all": True,
        "n": 7,
    }
    assert form(requests_for(entry(fields=fields), DATA)[0]) == {
        "token": "r-1",
        "all": "true",
        "n": "7",
    }


def test_values_are_encoded_where_they_stand() -> None:
    endpoint = "https://id.example/{token}/{data.realm}?t={token}"
    odd = {"refresh_token": "a/b?c#d&e ü", "realm": 7}
    (request,) = requests_for(entry(endpoint=endpoint), odd)
    encoded = "a%2Fb%3Fc%23d%26e%20%C3%BC"
    assert request.url == f"https://id.example/{encoded}/7?t={encoded}"
    assert form(request) == {"token": "a/b?c#d&e ü"}


def test_an_endpoint_on_the_loopback_may_be_reached() -> None:
    (request, _) = requests_for(entry(endpoint="http://127.0.0.1:9000/revoke"), DATA)
    assert request.private_addresses
    (request, _) = requests_for(entry(private_addresses=True), DATA)
    assert request.private_addresses


SALESFORCE = ["https://na1.my.salesforce.com", "https://na1.my.salesforce.com/"]


@pytest.mark.parametrize("instance", SALESFORCE)
def test_a_tenants_host_comes_from_the_credentials(instance: str) -> None:
    (request,) = requests_for(
        known("salesforce"), {"refresh_token": "r-1", "instance_url": instance}
    )
    assert request.url == "https://na1.my.salesforce.com/services/oauth2/revoke"
    assert not request.private_addresses


@pytest.mark.parametrize(
    "instance",
    [
        "https://evil.example",
        "https://evil.example/.my.salesforce.com",
        "https://evil.example#.my.salesforce.com",
        "https://evil.example\\.my.salesforce.com",
        "https://na1.my.salesforce.com@evil.example",
        "https://evil.example?.my.salesforce.com",
        "http://na1.my.salesforce.com",
        "https://my.salesforce.com",
        "https://evilmy.salesforce.com",
        "https://na1.my.salesforce.com/path",
        "https://na1.my.salesforce.com:x",
        "https://127.0.0.1",
        "https://",
        "na1.my.salesforce.com",
        "https://na1.my.salesforce.com\r\nHost: evil.example",
        "https://na1.my.sälesforce.com",
        "",
        7,
        None,
    ],
)
def test_no_other_host_is_reached_by_credentials(instance: object) -> None:
    with pytest.raises(UnreadableCredentials):
        requests_for(known("salesforce"), {"refresh_token": "r-1", "instance_url": instance})


def test_a_host_from_credentials_never_has_the_loopbacks_exemption() -> None:
    tenant = entry(endpoint="{data.url}/revoke", hosts=["localhost", "127.0.0.1"])
    (request,) = requests_for(tenant, {"refresh_token": "r", "url": "https://127.0.0.1"})
    assert not request.private_addresses
    with pytest.raises(UnreadableCredentials):
        requests_for(tenant, {"refresh_token": "r", "url": "http://127.0.0.1"})


@pytest.mark.parametrize("shop", ["evil.example/", "a.b", "-a", "a@b", "a:1", "", "x" * 64])
def test_a_part_of_a_host_is_one_label(shop: str) -> None:
    tenant = entry(endpoint="https://{data.shop}.shops.example/revoke", hosts=["*.shops.example"])
    (request,) = requests_for(tenant, {"refresh_token": "r", "shop": "acme"})
    assert request.url == "https://acme.shops.example/revoke"
    with pytest.raises(UnreadableCredentials):
        requests_for(tenant, {"refresh_token": "r", "shop": shop})


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"password": "x"},
        {"refresh_token": ""},
        {"refresh_token": None, "access_token": ["a"]},
        {"refresh_token": True},
    ],
)
def test_credentials_without_a_token_are_unreadable(data: dict[str, object]) -> None:
    with pytest.raises(UnreadableCredentials):
        requests_for(entry(), data)


@pytest.mark.parametrize("token", ["a\r\nX-Evil: 1", "a\x00", "tökén", " a"])
def test_a_token_that_no_header_can_carry_is_unreadable(token: str) -> None:
    with pytest.raises(UnreadableCredentials):
        requests_for(known("slack"), {"access_token": token})


def test_a_provider_without_a_way_is_sent_nothing() -> None:
    assert requests_for(known("spotify"), DATA) == []


def test_requests_show_no_secret() -> None:
    for request in requests_for(known("rfc7009"), DATA):
        for secret in ("r-1", "a-1", "hunter2"):
            assert secret not in repr(request)


@pytest.mark.parametrize(
    ("name", "current", "expected"),
    [
        ("rfc7009", {"refresh_token": "r-2", "access_token": "a-2"}, False),
        ("rfc7009", {"refresh_token": "r-1", "access_token": "a-2"}, True),
        ("rfc7009", {"refresh_token": "r-2", "access_token": "a-1"}, True),
        ("rfc7009", {"refresh_token": "a-1"}, True),
        ("rfc7009", {}, False),
        ("rfc7009", {"scope": "r-1", "refresh_token": ["r-1"]}, False),
        ("dropbox", {"refresh_token": "r-1", "access_token": "a-2"}, True),
        ("stripe", {"stripe_user_id": "acct_2"}, True),
    ],
)
def test_what_may_end_the_tokens_in_use(
    name: str, current: dict[str, object], expected: bool
) -> None:
    """Dropbox is sent the access token only, which takes its refresh token along."""
    assert have_a_token_in_common(known(name), DATA, current) is expected
