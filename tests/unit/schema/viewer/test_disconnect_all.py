"""`disconnectAllProviders` as clients see it."""

import asyncio

import pytest

from domain.provider_connection import ConnectionStatus
from tests.support.ids import an_attempt
from tests.unit.schema.wire import ADA, BOB, Json, Wire

DISCONNECT_ALL = """
mutation DisconnectAll($count: Int!, $batch: ID!) {
  disconnectAllProviders(input: {expectedCount: $count, batchId: $batch}) {
    __typename
    ... on DisconnectAllProvidersSuccess { batchId disconnected failed cursor }
    ... on ConnectionCountChanged { message count }
    ... on DisconnectionFailed { message attemptId }
  }
}
"""
EVENTS = """
query Events($after: String) {
  providerEvents(after: $after) {
    edges { node { __typename ... on ProviderDisconnectionAttempted { initiator batchId note } } }
  }
}
"""
BATCH, OTHER = str(an_attempt(0xB1)), str(an_attempt(0xB2))


def _events(data: Json) -> list[Json]:
    return [edge["node"] for edge in data["providerEvents"]["edges"]]


async def _end(wire: Wire, count: int, batch: str = BATCH) -> Json:
    async with wire.client() as client:
        data = await client.data(DISCONNECT_ALL, count=count, batch=batch)
    return data["disconnectAllProviders"]


async def test_counts_and_a_place_behind_the_batch_in_the_log() -> None:
    wire = Wire()
    own = [wire.connect(ADA, number) for number in range(3)]
    other = wire.connect(BOB, 9)
    result = await _end(wire, 3)
    assert result["__typename"] == "DisconnectAllProvidersSuccess"
    assert (result["batchId"], result["disconnected"], result["failed"]) == (BATCH, 3, 0)
    async with wire.client() as client:
        events = _events(await client.data(EVENTS))
        assert _events(await client.data(EVENTS, after=result["cursor"])) == []
    assert (
        events[:3]
        == [
            {
                "__typename": "ProviderDisconnectionAttempted",
                "initiator": "USER",
                "batchId": BATCH,
                "note": None,
            }
        ]
        * 3
    )
    assert [event["__typename"] for event in events[3:]] == ["ProviderDisconnectionSucceeded"] * 3
    stored = wire.world.connections
    assert {stored[c.id].status for c in own} == {ConnectionStatus.DISCONNECTED}
    assert stored[other.id].status is ConnectionStatus.ACTIVE


async def test_a_changed_number_is_data_and_nothing_is_changed() -> None:
    wire = Wire()
    connection = wire.connect(ADA, 1)
    result = await _end(wire, 2)
    assert result == {
        "__typename": "ConnectionCountChanged",
        "message": "The number of connections has changed: it is 1 now",
        "count": 1,
    }
    assert wire.world.connections[connection.id].status is ConnectionStatus.ACTIVE
    assert wire.world.recorded == []


async def test_disconnected_ones_do_not_count() -> None:
    wire = Wire()
    wire.connect(ADA, 1, status=ConnectionStatus.DISCONNECTED)
    wire.connect(ADA, 2, status=ConnectionStatus.EXPIRED)
    assert (await _end(wire, 1))["disconnected"] == 1
    assert (await _end(wire, 1))["disconnected"] == 1  # the same batch
    nothing_left = await _end(wire, 0, OTHER)
    assert (nothing_left["batchId"], nothing_left["disconnected"]) == (None, 0)


async def test_a_database_that_is_down_is_an_expected_failure_that_leaves_no_trace() -> None:
    wire = Wire()
    wire.connect(ADA, 1)
    wire.world.at("all", wire.world.fail)
    assert await _end(wire, 1) == {
        "__typename": "DisconnectionFailed",
        "message": "Database error occurred",
        "attemptId": None,
    }
    assert wire.world.recorded == []
    assert (await _end(wire, 1))["disconnected"] == 1


async def test_one_that_fails_is_counted_and_tried_again_by_a_repetition() -> None:
    wire = Wire()
    for number in range(3):
        wire.connect(ADA, number)
    wire.world.at("succeeded", wire.world.fail)
    first = await _end(wire, 3)
    assert (first["disconnected"], first["failed"]) == (2, 1)
    again = await _end(wire, 3)
    assert (again["batchId"], again["disconnected"], again["failed"]) == (BATCH, 3, 0)


@pytest.mark.parametrize("batch", ["", "batch", "1"])
async def test_a_batch_id_is_a_uuid(batch: str) -> None:
    wire = Wire()
    wire.connect(ADA, 1)
    async with wire.client() as client:
        answer = (await client.post(DISCONNECT_ALL, count=1, batch=batch)).json()
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert wire.world.recorded == []


async def test_a_user_has_one_at_a_time_on_a_process() -> None:
    """The second waits for the first, and finds nothing left."""
    wire = Wire()
    for number in range(3):
        wire.connect(ADA, number)
    begun = asyncio.Event()

    async def hang() -> None:
        begun.set()
        await wire.world.hang()

    wire.world.at("all", hang)
    first = asyncio.create_task(_end(wire, 3))
    await begun.wait()
    second = asyncio.create_task(_end(wire, 3, OTHER))
    for _ in range(1_000):  # turns of the loop: more than it would need alone
        await asyncio.sleep(0)
    await wire.world.heal()
    assert (await first)["disconnected"] == 3
    assert (await second)["disconnected"] == 0
