"""Lines of the audit trail: what each type of event has."""

import json

import pytest

from domain.events import (
    AccessLoss,
    FailureReason,
    Initiator,
    ProviderAccessLost,
    ProviderAccessRestored,
    ProviderConnected,
    ProviderDisconnectionAttempted,
    ProviderDisconnectionFailed,
    ProviderDisconnectionSucceeded,
    RecordedEvent,
    UnrecognizedEvent,
)
from domain.identifiers import BatchId
from infrastructure.persistence.event_json import json_line
from tests.support.ids import a_connection, a_user, an_attempt, an_event
from tests.unit.domain.commands.disconnecting import CLOCK

PREVIOUS = a_connection()
BATCH = BatchId(an_attempt())
COMMON = {
    *("type", "user_id", "position", "occurred_at", "connection_id", "attempt_id", "provider"),
    *("id", "cursor"),
}


@pytest.mark.parametrize(
    ("type_", "given", "shown"),
    [
        (ProviderConnected, {"created": False}, {"created": False}),
        (
            ProviderConnected,
            {"created": True, "previous_connection_id": PREVIOUS},
            {"created": True, "previous_connection_id": str(PREVIOUS)},
        ),
        (ProviderAccessLost, {"loss": AccessLoss.REVOKED}, {"status": "REVOKED"}),
        (ProviderAccessRestored, {}, {}),
        (ProviderDisconnectionAttempted, {}, {"initiator": "USER"}),
        (
            ProviderDisconnectionAttempted,
            {"initiator": Initiator.OPERATOR, "batch_id": BATCH, "note": "Leaked"},
            {"initiator": "OPERATOR", "batch_id": str(BATCH), "note": "Leaked"},
        ),
        (ProviderDisconnectionSucceeded, {}, {}),
        (
            ProviderDisconnectionFailed,
            {"reason": FailureReason.NOT_OWNED_BY_USER},
            {"reason": "NOT_OWNED_BY_USER"},
        ),
        (UnrecognizedEvent, {"kind": "sold"}, {"kind": "sold"}),
    ],
)
def test_line_has_what_its_event_has(
    type_: type, given: dict[str, object], shown: dict[str, object]
) -> None:
    event = type_(
        id=an_event(),
        occurred_at=CLOCK(),
        user_id=a_user(),
        connection_id=a_connection(),
        attempt_id=None,
        provider=None,
        **given,
    )
    recorded = RecordedEvent(event=event, position=1)
    line = json.loads(json_line(recorded, recorded.cursor))
    assert line["type"] == type_.__name__
    assert {name: value for name, value in line.items() if name not in COMMON} == shown
