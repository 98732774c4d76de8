"""Which URLs an endpoint may have."""

import pytest

from infrastructure.webhooks.endpoints import check_url

GOOD = [
    "https://example.com/hook?team=1",
    "https://example.com:8443",
    "http://127.0.0.1:9000/hook",
    "http://localhost/hook",
    "http://[::1]:9000/",
    "https://93.184.216.34/",
]
BAD = [
    "http://example.com/",
    "http://127.0.0.1.example.com/",
    "http://localhost.example.com/",
    "ftp://example.com/",
    "https://",
    "https:///hook",
    "https://user:secret@example.com/",
    "https://example.com/#part",
    "https://exämple.com/",
    "https://example.com/a b",
    "https://example.com\\@127.0.0.1/",
    "https://example.com:99999/",
    "https://" + "a" * 2000,
    "example.com/hook",
]
PRIVATE = [
    "https://10.0.0.1/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://[fe80::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://0.0.0.0/",
]


@pytest.mark.parametrize("url", GOOD)
def test_https_and_the_loopback_are_taken(url: str) -> None:
    check_url(url, private_addresses=False)


@pytest.mark.parametrize("url", BAD)
def test_others_are_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ValueError, match=r"^\w+") as raised:
        check_url(url, private_addresses=True)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("url", PRIVATE)
def test_private_addresses_need_the_setting(url: str) -> None:
    with pytest.raises(ValueError, match="UNPLUG_WEBHOOK_PRIVATE_ADDRESSES"):
        check_url(url, private_addresses=False)
    check_url(url, private_addresses=True)
