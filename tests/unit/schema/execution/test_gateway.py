"""Calls on the gateway that no transport makes, and the places that subscriptions hold."""

import asyncio
import gc
import weakref

import pytest

from infrastructure.live.event_feed import LiveEventFeed
from infrastructure.live.event_tail import EventTail
from infrastructure.live.log_reader import LogReader
from infrastructure.live.wake_ups import NoWakeUps
from schema.admission.connection_limits import SelectionLimiter
from schema.build import viewer_schema
from schema.errors import Refused
from schema.execution.documents import DocumentRules, Documents
from schema.execution.gateway import Call, CallerLimits, Gateway, Reports, StartedSubscription
from schema.execution.masking import Masking
from schema.execution.request import GraphQLRequest
from tests.contracts.worlds.world import attempted
from tests.support.following import Subscriber
from tests.support.ids import a_connection
from tests.support.logs import GrowingLog
from tests.support.woken import eventually
from tests.unit.schema.wire import (
    ADA,
    BOB,
    SCHEMA,
    CountingTelemetry,
    NamedTokens,
    RecordedAccess,
    Wire,
)

IDS = "subscription { providerEvents { id } }"
POSITIONS = "subscription { providerEvents { position } }"


class Limited(Wire):
    """One selection a user, or any number."""

    def __init__(self, selections: int | None) -> None:
        super().__init__()
        self.hits = CountingTelemetry()
        documents = Documents(SCHEMA.executable, DocumentRules(), self.hits)
        self.gateway = Gateway(
            viewer_schema(SCHEMA, self.services),
            NamedTokens(),
            documents,
            CallerLimits(
                selections=SelectionLimiter(selections, self.hits) if selections else None
            ),
            Reports(masking=Masking(self.services.new_id), access_log=RecordedAccess()),
        )


async def test_a_closed_subscription_gives_its_place_back_once() -> None:
    wire = Limited(1)
    first = await wire.gateway.subscribe(wire.call(IDS))
    same = await wire.gateway.subscribe(wire.call(IDS))
    with pytest.raises(Refused) as refused:
        await wire.gateway.subscribe(wire.call(POSITIONS))
    await wire.gateway.subscribe(wire.call(POSITIONS, user_id=BOB))
    first.close()
    first.close()
    with pytest.raises(Refused):
        await wire.gateway.subscribe(wire.call(POSITIONS))
    same.close()

    (await wire.gateway.subscribe(wire.call(POSITIONS))).close()
    (await wire.gateway.subscribe(wire.call(IDS))).close()
    assert refused.value.errors[0].extensions == {
        "code": "TOO_MANY_SUBSCRIPTIONS",
        "limit": "selections",
    }
    assert wire.hits.limits == ["selections"] * 2


async def test_without_a_limit_there_is_no_place_to_give_back() -> None:
    wire = Limited(None)
    for query in (IDS, POSITIONS):
        (await wire.gateway.subscribe(wire.call(query))).close()
    assert wire.hits.limits == []


async def test_after_its_close_a_subscriber_is_told_nothing_more() -> None:
    wire, subscriber, other = Wire(), Subscriber(), Subscriber()
    subscription = await wire.gateway.subscribe(wire.call(IDS))
    attachment = subscription.attach(subscriber)
    (await wire.gateway.subscribe(wire.call(IDS))).attach(other)
    await wire.world.write(attempted(ADA, a_connection()))
    await subscriber.reaches(1)
    subscription.close()
    subscription.close()
    attachment.resume()
    await wire.world.write(attempted(ADA, a_connection()))
    await other.reaches(2)

    assert subscriber.positions == [1]


class Following(Subscriber):
    """Holds its subscription, as those of the transports do."""

    def __init__(self, subscription: StartedSubscription) -> None:
        super().__init__()
        self.subscription = subscription
        subscription.attach(self)


async def test_a_closed_subscription_leaves_nothing_to_the_cyclic_collector() -> None:
    feed = LiveEventFeed(LogReader(GrowingLog()), EventTail(), NoWakeUps())
    wire = Wire(feed=lambda _world: feed)
    subscriber = Following(await wire.gateway.subscribe(wire.call(IDS)))
    await asyncio.sleep(0)
    left = weakref.ref(subscriber)
    gc.disable()
    try:
        subscriber.subscription.close()
        del subscriber
        await eventually(lambda: left() is None, within=2)
    finally:
        gc.enable()


async def test_a_call_has_a_token_and_is_prepared_first() -> None:
    wire = Wire()
    call: Call[object] = Call(request_id="1", transport="http")
    with pytest.raises(RuntimeError, match="not authenticated"):
        wire.gateway.prepare(call, GraphQLRequest("{ eventCursor }"))  # type: ignore[arg-type]
    prepared = wire.call("{ eventCursor }")
    await wire.gateway.execute(prepared)

    with pytest.raises(RuntimeError, match="not prepared"):
        await wire.gateway.execute(prepared)
