"""The official library verifies what is signed, and nothing else."""

import base64
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from infrastructure.webhooks.messages import Message
from infrastructure.webhooks.signing import new_secret, signed_headers

NOW = datetime.now(UTC)
MESSAGE = Message(id=UUID(int=5), type="a.b", body='{"type":"a.b","é":1}'.encode())


def test_headers_are_those_of_the_specification() -> None:
    headers = signed_headers(MESSAGE, ["whsec_" + base64.b64encode(b"k" * 24).decode()], NOW)
    assert headers["webhook-id"] == str(UUID(int=5))
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert headers["webhook-signature"].startswith("v1,")
    assert len(base64.b64decode(headers["webhook-signature"][3:])) == 32


def test_the_library_makes_the_same_signature() -> None:
    secret = new_secret()
    ours = signed_headers(MESSAGE, [secret], NOW)["webhook-signature"]
    assert ours == Webhook(secret).sign(str(MESSAGE.id), NOW, MESSAGE.body.decode())


def test_secrets_are_new_each_time_and_of_256_bits() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    for secret in secrets:
        prefix, _, key = secret.partition("_")
        assert (prefix, len(base64.b64decode(key, validate=True))) == ("whsec", 32)


def test_every_secret_signs() -> None:
    old, new, other = new_secret(), new_secret(), new_secret()
    now = datetime.now(UTC)  # the library takes what is less than five minutes old
    headers = dict(signed_headers(MESSAGE, [new, old], now))
    for secret in (old, new):
        Webhook(secret).verify(MESSAGE.body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(MESSAGE.body, headers)


@pytest.mark.parametrize("changed", ["another id", "a second earlier", "an hour earlier"])
def test_a_changed_header_is_found_out(changed: str) -> None:
    secret, now = new_secret(), datetime.now(UTC)
    headers = dict(signed_headers(MESSAGE, [secret], now))
    Webhook(secret).verify(MESSAGE.body, headers)
    match changed:
        case "another id":
            headers["webhook-id"] = str(UUID(int=6))
        case "a second earlier":
            headers["webhook-timestamp"] = str(int(now.timestamp()) - 1)
        case _:
            headers["webhook-timestamp"] = str(int((now - timedelta(hours=1)).timestamp()))
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(MESSAGE.body, headers)
