"""Events as viewers see them."""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias, assert_never
from uuid import UUID

import strawberry

from domain import events as domain_events
from domain.events import FailureReason, RecordedEvent
from schema.shared_types import ConnectionStatus, Provider
from schema.viewer.event_types import (
    MESSAGES,
    DisconnectionFailureReason,
    Initiator,
    ProviderAccessLost,
    ProviderAccessRestored,
    ProviderConnected,
    ProviderDisconnectionAttempted,
    ProviderDisconnectionFailed,
    ProviderDisconnectionSucceeded,
    ProviderEvent,
    ProviderTokenRevocationAttempted,
    ProviderTokenRevocationFailed,
    ProviderTokenRevocationSucceeded,
    RevocationEvidence,
)

Shape: TypeAlias = Callable[..., ProviderEvent]
"""A type of events with the members that only it has; it takes those that all have."""


def to_graphql(recorded: RecordedEvent) -> ProviderEvent:
    """A recorded event as clients see it."""
    event = recorded.event
    return _shape(event)(
        id=strawberry.ID(str(event.id)),
        position=recorded.position,
        cursor=recorded.cursor.encode(),
        occurred_at=event.occurred_at,
        attempt_id=_id(event.attempt_id),
        connection_id=strawberry.ID(str(event.connection_id)),
        provider=Provider.of(event.provider) if event.provider else None,
    )


def _shape(event: domain_events.ProviderEvent) -> Shape:
    match event:
        case domain_events.ProviderConnected():
            return partial(
                ProviderConnected,
                created=event.created,
                previous_connection_id=_id(event.previous_connection_id),
            )
        case domain_events.ProviderAccessLost():
            return partial(ProviderAccessLost, status=ConnectionStatus(event.loss.value))
        case domain_events.ProviderAccessRestored():
            return ProviderAccessRestored
        case domain_events.ProviderDisconnectionAttempted():
            return partial(
                ProviderDisconnectionAttempted,
                initiator=Initiator(event.initiator.value),
                batch_id=_id(event.batch_id),
                note=event.note,
            )
        case domain_events.ProviderDisconnectionSucceeded():
            return ProviderDisconnectionSucceeded
        case domain_events.ProviderDisconnectionFailed():
            reason = _shown(event.reason)
            return partial(ProviderDisconnectionFailed, reason=reason, message=MESSAGES[reason])
        case domain_events.UnrecognizedEvent():
            raise ValueError("an unrecognized event is not shown")
        case _:
            return _shape_of_revocation(event)


def _shape_of_revocation(
    event: domain_events.ProviderTokenRevocationAttempted
    | domain_events.ProviderTokenRevocationSucceeded
    | domain_events.ProviderTokenRevocationFailed,
) -> Shape:
    match event:
        case domain_events.ProviderTokenRevocationAttempted():
            return ProviderTokenRevocationAttempted
        case domain_events.ProviderTokenRevocationSucceeded():
            evidence = RevocationEvidence(event.evidence.value)
            return partial(ProviderTokenRevocationSucceeded, evidence=evidence)
        case domain_events.ProviderTokenRevocationFailed():
            reason = _shown(event.reason)
            return partial(
                ProviderTokenRevocationFailed,
                reason=reason,
                message=MESSAGES[reason],
                manage_url=event.manage_url,
            )
        case _:
            assert_never(event)


def _shown(reason: FailureReason) -> DisconnectionFailureReason:
    if reason is FailureReason.NOT_OWNED_BY_USER:
        return DisconnectionFailureReason.CONNECTION_NOT_FOUND
    return DisconnectionFailureReason(reason.value)


def _id(value: UUID | None) -> strawberry.ID | None:
    return None if value is None else strawberry.ID(str(value))
