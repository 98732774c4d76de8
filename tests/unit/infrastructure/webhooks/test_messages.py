"""What is sent is what the published schemas describe."""

import json
from typing import Any, get_args

import jsonschema
import pytest

from domain.events import (
    AccessLoss,
    FailureReason,
    Initiator,
    ProviderAccessLost,
    ProviderConnected,
    ProviderDisconnectionAttempted,
    ProviderDisconnectionFailed,
    ProviderEvent,
    ProviderRef,
    ProviderTokenRevocationFailed,
    ProviderTokenRevocationSucceeded,
    RecordedEvent,
    UnrecognizedEvent,
)
from domain.identifiers import BatchId
from domain.token_revocation import RevocationEvidence
from infrastructure.webhooks.messages import EVENT_TYPES, message_of, message_of_test
from tests.support.ids import a_connection, a_provider, a_user, an_attempt, an_event
from tests.unit.docs.pages import ROOT
from tests.unit.domain.commands.disconnecting import CLOCK

OF_DISCONNECTIONS = [*FailureReason][:4]
NOTE = "🦊" * 500
PARTICULARS: dict[type, list[dict[str, Any]]] = {
    ProviderConnected: [
        {"created": False},
        {"created": True, "previous_connection_id": a_connection(1)},
    ],
    ProviderAccessLost: [{"loss": loss} for loss in AccessLoss],
    ProviderDisconnectionAttempted: [
        *({"initiator": initiator} for initiator in Initiator),
        {"batch_id": BatchId(an_attempt(1)), "note": NOTE},
    ],
    ProviderDisconnectionFailed: [{"reason": reason} for reason in OF_DISCONNECTIONS],
    ProviderTokenRevocationSucceeded: [{"evidence": evidence} for evidence in RevocationEvidence],
    ProviderTokenRevocationFailed: [
        *({"reason": reason} for reason in FailureReason if reason not in OF_DISCONNECTIONS),
        {"reason": FailureReason.REFUSED, "manage_url": "https://bank.example/apps"},
    ],
}
EVENTS = [
    pytest.param(kind, given, provider, id=f"{kind.__name__}-{'-'.join(given)}-{bool(provider)}")
    for kind in get_args(ProviderEvent)
    if kind is not UnrecognizedEvent
    for given in PARTICULARS.get(kind, [{}])
    for provider in (None, ProviderRef(id=a_provider(), slug="s" * 50))
]


def schema(event_type: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / f"docs/webhooks/{event_type}.json").read_text())
    return found


def check(body: bytes) -> dict[str, Any]:
    """The body, which its type's schema describes, every member of it."""
    message: dict[str, Any] = json.loads(body)
    described = schema(message["type"])
    jsonschema.Draft202012Validator.check_schema(described)
    jsonschema.Draft202012Validator(described).validate(message)
    assert message.keys() == described["properties"].keys()
    assert message["data"].keys() <= described["properties"]["data"]["properties"].keys()
    return message


@pytest.mark.parametrize(("kind", "given", "provider"), EVENTS)
def test_every_event_is_as_its_schema_says(
    kind: type, given: dict[str, Any], provider: ProviderRef | None
) -> None:
    needs_attempt = kind.__name__.startswith(("ProviderDis", "ProviderTo", "ProviderConnected"))
    event = kind(
        id=an_event(),
        occurred_at=CLOCK(),
        user_id=a_user(),
        connection_id=a_connection(),
        attempt_id=an_attempt() if needs_attempt else None,
        provider=provider,
        **given,
    )
    message = message_of(RecordedEvent(event=event, position=7))
    assert message is not None
    assert (message.id, message.type) == (event.id, EVENT_TYPES[kind])
    assert len(message.body) < 20_000
    body = check(message.body)
    assert body["data"]["id"] == str(event.id)


def test_the_test_message_is_as_its_schema_says() -> None:
    assert check(message_of_test(an_event(), CLOCK()).body)["type"] == "webhook.test"


def test_an_event_of_an_unknown_kind_is_left_to_other_nodes() -> None:
    event = UnrecognizedEvent(
        id=an_event(),
        occurred_at=CLOCK(),
        user_id=a_user(),
        connection_id=a_connection(),
        attempt_id=None,
        provider=None,
        kind="sold",
    )
    assert message_of(RecordedEvent(event=event, position=1)) is None
