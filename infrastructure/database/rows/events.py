"""Events as tuples, in the order of the columns named here, and their kinds as stored."""

from collections.abc import Sequence
from typing import Any, Protocol

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
    ProviderEvent,
    ProviderRef,
    ProviderTokenRevocationAttempted,
    ProviderTokenRevocationFailed,
    ProviderTokenRevocationSucceeded,
    RecordedEvent,
    UnrecognizedEvent,
)
from domain.identifiers import BatchId, ConnectionId, ProviderId
from domain.token_revocation import RevocationEvidence, RevocationStatus
from infrastructure.database.rows.values import as_time, as_uuid, uuid_or_none

EVENT_COLUMNS = (
    "id",
    "user_id",
    "position",
    "kind",
    "occurred_at",
    "connection_id",
    "attempt_id",
    "provider_id",
    "provider_slug",
    "reason",
    "initiator",
    "batch_id",
    "note",
    "created",
    "previous_connection_id",
    "loss",
    "evidence",
    "manage_url",
)


class Row(Protocol):
    """A tuple or a record of asyncpg, which type checkers do not take for a `Sequence`."""

    def __getitem__(self, index: slice, /) -> Sequence[Any]: ...


_KINDS: dict[type[ProviderEvent], str] = {
    ProviderConnected: "connected",
    ProviderAccessLost: "access_lost",
    ProviderAccessRestored: "access_restored",
    ProviderDisconnectionAttempted: "attempted",
    ProviderDisconnectionSucceeded: "succeeded",
    ProviderDisconnectionFailed: "failed",
    ProviderTokenRevocationAttempted: "revocation_attempted",
    ProviderTokenRevocationSucceeded: "revocation_succeeded",
    ProviderTokenRevocationFailed: "revocation_failed",
}
OPENING = frozenset({"attempted"})
"""Kinds of events that open their attempt."""
CLOSING = frozenset({"succeeded", "failed"})
"""Kinds of events that end their attempt, and are refused unless it is open."""
REVOKING = "revocation_attempted"
"""The kind of events that begin a revocation; its pending row is the open attempt."""
SETTLING = frozenset({"revocation_succeeded", "revocation_failed"})
"""Kinds of events that end a revocation, and are refused unless its lease is held."""
BEGINNING = OPENING | {"connected", REVOKING}
"""Kinds of events of which an attempt has at most one."""


def kind_of(event: ProviderEvent) -> str:
    """Its kind, as stored."""
    return _KINDS[type(event)]


def settled_status(event: ProviderEvent) -> str:
    """The status of a connection whose revocation ends with this event."""
    match event:
        case ProviderTokenRevocationSucceeded():
            return event.evidence.value
        case ProviderTokenRevocationFailed(reason=FailureReason.SHARED_GRANT):
            return RevocationStatus.SHARED_GRANT.value
        case _:
            return RevocationStatus.FAILED.value


def event_row(recorded: RecordedEvent) -> tuple[Any, ...]:
    """With UUIDs and times as values."""
    event = recorded.event
    provider = event.provider
    return (
        event.id,
        event.user_id,
        recorded.position,
        kind_of(event),
        event.occurred_at,
        event.connection_id,
        event.attempt_id,
        provider.id if provider else None,
        provider.slug if provider else None,
        event.reason.value if isinstance(event, _FAILED) else None,
        *_particulars(event),
    )


_FAILED = (ProviderDisconnectionFailed, ProviderTokenRevocationFailed)
_NONE = (None,) * 8


def _particulars(event: ProviderEvent) -> tuple[Any, ...]:
    """What only events of one kind have."""
    match event:
        case ProviderDisconnectionAttempted():
            return (event.initiator.value, event.batch_id, event.note, *_NONE[3:])
        case ProviderConnected():
            return (*_NONE[:3], event.created, event.previous_connection_id, *_NONE[5:])
        case ProviderAccessLost():
            return (*_NONE[:5], event.loss.value, *_NONE[6:])
        case ProviderTokenRevocationSucceeded():
            return (*_NONE[:6], event.evidence.value, None)
        case ProviderTokenRevocationFailed():
            return (*_NONE[:7], event.manage_url)
        case _:
            return _NONE


def event_of(row: Row) -> RecordedEvent:
    """The inverse of `event_row`."""
    values = dict(zip(EVENT_COLUMNS, row[: len(EVENT_COLUMNS)], strict=True))
    provider_id = values["provider_id"]
    facts: dict[str, Any] = {
        "id": as_uuid(values["id"]),
        "occurred_at": as_time(values["occurred_at"]),
        "user_id": as_uuid(values["user_id"]),
        "connection_id": as_uuid(values["connection_id"]),
        "attempt_id": uuid_or_none(values["attempt_id"]),
        "provider": None
        if provider_id is None
        else ProviderRef(id=ProviderId(as_uuid(provider_id)), slug=values["provider_slug"]),
    }
    return RecordedEvent(event=_event(values, facts), position=values["position"])


def _event(values: dict[str, Any], facts: dict[str, Any]) -> ProviderEvent:
    match values["kind"]:
        case "connected":
            previous = uuid_or_none(values["previous_connection_id"])
            return ProviderConnected(
                **facts,
                created=bool(values["created"]),
                previous_connection_id=None if previous is None else ConnectionId(previous),
            )
        case "access_lost":
            return ProviderAccessLost(**facts, loss=AccessLoss(values["loss"]))
        case "access_restored":
            return ProviderAccessRestored(**facts)
        case "attempted":
            batch_id = uuid_or_none(values["batch_id"])
            return ProviderDisconnectionAttempted(
                **facts,
                initiator=Initiator(values["initiator"]),
                batch_id=None if batch_id is None else BatchId(batch_id),
                note=values["note"],
            )
        case "succeeded":
            return ProviderDisconnectionSucceeded(**facts)
        case "failed":
            return ProviderDisconnectionFailed(**facts, reason=FailureReason(values["reason"]))
        case "revocation_attempted":
            return ProviderTokenRevocationAttempted(**facts)
        case "revocation_succeeded":
            evidence = RevocationEvidence(values["evidence"])
            return ProviderTokenRevocationSucceeded(**facts, evidence=evidence)
        case "revocation_failed":
            return ProviderTokenRevocationFailed(
                **facts, reason=FailureReason(values["reason"]), manage_url=values["manage_url"]
            )
        case kind:
            return UnrecognizedEvent(**facts, kind=kind)
