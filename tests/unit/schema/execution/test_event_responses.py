"""Responses to events: made once for all who get the same bytes, and only for them."""

import gc
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest

from domain.events import (
    FailureReason,
    ProviderDisconnectionAttempted,
    ProviderDisconnectionFailed,
    ProviderDisconnectionSucceeded,
    ProviderEvent,
    ProviderRef,
    RecordedEvent,
)
from domain.identifiers import UserId
from schema.execution.event_responses import ResponseCache
from schema.execution.gateway import StartedSubscription
from tests.support.ids import a_connection, a_provider, an_attempt
from tests.support.logs import recorded as log_event
from tests.unit.schema.wire import ADA, BOB, Json, Wire

EVERYTHING = """subscription ($after: String, $with: Boolean = true) {
  providerEvents(after: $after) {
    __typename id position cursor occurredAt attemptId connectionId
    provider @include(if: $with) { id slug }
    ... on ProviderDisconnectionFailed { reason message }
  }
}"""
PROVIDER = ProviderRef(id=a_provider(1), slug="schwab")


@pytest.fixture
def wire() -> Wire:
    return Wire()


def recorded(
    make: Callable[..., ProviderEvent], more: dict[str, object] | None = None, user_id: UserId = ADA
) -> RecordedEvent:
    event = make(
        id=UUID(int=user_id.int + 1),
        occurred_at=datetime(2026, 1, 2, tzinfo=UTC),
        user_id=user_id,
        connection_id=a_connection(5),
        attempt_id=an_attempt(6),
        provider=PROVIDER,
        **more or {},
    )
    return RecordedEvent(event=event, position=1)


async def subscribe(
    wire: Wire, variables: dict[str, object] | None = None, user_id: UserId = ADA
) -> StartedSubscription:
    return await wire.gateway.subscribe(wire.call(EVERYTHING, variables, user_id))


def result(subscription: StartedSubscription, event: RecordedEvent) -> Json:
    return orjson.loads(subscription.response(event))["data"]["providerEvents"]


@pytest.mark.parametrize(
    ("make", "more"),
    [
        (ProviderDisconnectionAttempted, {}),
        (ProviderDisconnectionSucceeded, {}),
        (ProviderDisconnectionFailed, {"reason": FailureReason.DATABASE_ERROR}),
    ],
)
async def test_no_field_of_any_event_has_to_be_awaited(
    wire: Wire, make: Callable[..., ProviderEvent], more: dict[str, object]
) -> None:
    event = recorded(make, more)
    answer = result(await subscribe(wire), event)
    assert answer["__typename"] == make.__name__
    assert answer["cursor"] == event.cursor.encode()
    assert answer["provider"] == {"id": str(PROVIDER.id), "slug": "schwab"}


async def test_what_differs_above_the_payload_is_shared(wire: Wire) -> None:
    start = (await wire.services.events.head(ADA)).encode()
    mine = await subscribe(wire, {"after": start})
    others = [
        await subscribe(wire),
        await subscribe(wire, {"after": None}),
        await subscribe(wire, user_id=BOB),
    ]
    event = recorded(ProviderDisconnectionAttempted)
    response = mine.response(event)
    assert all(other.response(event) is response for other in others)


async def test_what_differs_in_the_payload_is_not_shared(wire: Wire) -> None:
    whole = await subscribe(wire, {"with": True})
    lean = await subscribe(wire, {"with": False})
    event = recorded(ProviderDisconnectionAttempted)
    assert "provider" in result(whole, event)
    assert "provider" not in result(lean, event)


async def test_a_fault_of_ours_is_masked_in_the_response(wire: Wire) -> None:
    broken: Any = "no time"
    event = recorded(ProviderDisconnectionAttempted, {"note": None})
    event = replace(event, event=replace(event.event, occurred_at=broken))
    response = orjson.loads((await subscribe(wire)).response(event))
    (error,) = response["errors"]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "no time" not in str(response)


async def test_two_users_with_one_selection_get_their_own_events(wire: Wire) -> None:
    ada, bob = await subscribe(wire), await subscribe(wire, user_id=BOB)
    for subscription, user_id in ((ada, ADA), (bob, BOB)):
        event = recorded(ProviderDisconnectionAttempted, user_id=user_id)
        assert result(subscription, event)["id"] == str(event.event.id)


async def test_nothing_but_the_response_outlives_an_event(wire: Wire) -> None:
    subscription = await subscribe(wire)
    events = [log_event(ADA, position) for position in range(1, 301)]
    subscription.response(events[0])
    gc.collect()
    before = len(gc.get_objects())
    for event in events:
        subscription.response(event)
    gc.collect()
    assert len(gc.get_objects()) - before < 3 * len(events)


def test_the_oldest_responses_go_when_all_together_are_too_long() -> None:
    cache = ResponseCache(kept=100)
    for number in range(10):
        cache.put((1, UUID(int=number)), b"x" * 30)
    assert cache.size == 90
    assert [n for n in range(10) if cache.get((1, UUID(int=n)))] == [7, 8, 9]
    cache.put((1, UUID(int=10)), b"x" * 101)
    assert cache.size == 0
