"""Signatures as Standard Webhooks 1.0 describes them: HMAC-SHA256 over id, time and body."""

import base64
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

from infrastructure.webhooks.messages import Message

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    """Random, as its receiver is given it: `whsec_` and base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed_headers(
    message: Message, signing_secrets: Sequence[str], now: datetime
) -> Mapping[str, str]:
    """The headers of one request, sent at `now`.

    Each secret makes a signature: while secrets are rotated, a receiver knows one of them.
    """
    time = str(int(now.timestamp()))
    signed = b".".join((str(message.id).encode(), time.encode(), message.body))
    return {
        "content-type": "application/json",
        "webhook-id": str(message.id),
        "webhook-timestamp": time,
        "webhook-signature": " ".join(_signature(secret, signed) for secret in signing_secrets),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
