"""The mutation as clients see it."""

from domain.provider_connection import ConnectionStatus
from tests.unit.schema.wire import ADA, BOB, Json, Wire

DISCONNECT = """
mutation Disconnect($id: ID!) {
  disconnectProvider(input: {connectionId: $id}) {
    __typename
    ... on DisconnectProviderSuccess {
      attemptId
      cursor
      connectedProvider { id status disconnectedAt alias provider { slug } }
    }
    ... on Error { message }
    ... on ConnectionNotFound { attemptId }
    ... on DisconnectionFailed { attemptId }
  }
}
"""
EVENTS = """
query Events($after: String) {
  providerEvents(after: $after) {
    edges {
      node {
        __typename position connectionId attemptId provider { slug }
        ... on ProviderDisconnectionFailed { reason message }
      }
    }
  }
}
"""
NODE = "query Node($id: ID!) { node(id: $id) { id } }"


def _events(data: Json) -> list[Json]:
    return [edge["node"] for edge in data["providerEvents"]["edges"]]


async def test_success_is_the_connection_as_it_is_now_and_a_place_in_the_log() -> None:
    wire = Wire()
    connection = wire.connect(ADA, 1, alias="My IRA")
    async with wire.client() as client:
        result = (await client.data(DISCONNECT, id=str(connection.id)))["disconnectProvider"]
        events = _events(await client.data(EVENTS))
        later = await client.data(EVENTS, after=result["cursor"])
    assert result["__typename"] == "DisconnectProviderSuccess"
    assert result["connectedProvider"] == {
        "id": str(connection.id),
        "status": "DISCONNECTED",
        "disconnectedAt": "2026-01-02T03:04:05+00:00",
        "alias": "My IRA",
        "provider": {"slug": "schwab"},
    }
    assert [event["__typename"] for event in events] == [
        "ProviderDisconnectionAttempted",
        "ProviderDisconnectionSucceeded",
    ]
    assert {event["attemptId"] for event in events} == {result["attemptId"]}
    assert _events(later) == []
    assert wire.world.connections[connection.id].status is ConnectionStatus.DISCONNECTED
    assert wire.telemetry.commands == ["success"]


async def test_what_is_somebody_elses_looks_like_what_is_missing() -> None:
    """In the response, in the history, and by id; only ids and places differ."""
    answers = []
    for owner in (BOB, None):
        wire = Wire()
        asked = wire.connect(BOB, 1).id
        if owner is None:
            wire.world.connections.clear()
        async with wire.client() as client:
            result = await client.post(DISCONNECT, id=str(asked))
            history = await client.post(EVENTS)
            node = await client.post(NODE, id=str(asked))
        answers.append([result.text, history.text, node.text])
        assert node.json() == {"data": {"node": None}}
        assert result.json()["data"]["disconnectProvider"]["message"] == "Connection not found"
        assert _events(history.json()["data"])[1]["reason"] == "CONNECTION_NOT_FOUND"
        assert [r.event for r in wire.world.logs[BOB]] == []
    assert answers[0] == answers[1]


async def test_a_database_that_is_down_is_data_and_leaves_no_attempt() -> None:
    wire = Wire()
    connection = wire.connect(ADA, 1)
    wire.world.down = True
    async with wire.client() as client:
        data = await client.data(DISCONNECT, id=str(connection.id))
    assert data["disconnectProvider"] == {
        "__typename": "DisconnectionFailed",
        "message": "Database error occurred",
        "attemptId": None,
    }
    assert wire.telemetry.commands == ["database_error"]


async def test_a_connection_id_is_a_uuid() -> None:
    async with Wire().client() as client:
        for wrong in ("", "x", "0" * 32, "{00000000-0000-0000-0000-000000000001}", "7"):
            [error] = await client.errors(DISCONNECT, id=wrong)
            assert error["extensions"]["code"] == "BAD_USER_INPUT"
            assert error["message"] == "`connectionId` is not a UUID."


async def test_mutations_run_in_their_order_and_each_on_its_own() -> None:
    wire = Wire()
    one, two = wire.connect(ADA, 1), wire.connect(ADA, 2)
    query = """
    mutation Two($one: ID!, $two: ID!) {
      one: disconnectProvider(input: {connectionId: $one}) { __typename }
      two: disconnectProvider(input: {connectionId: $two}) { __typename }
    }
    """
    async with wire.client() as client:
        await client.data(query, one=str(one.id), two=str(two.id))
        events = _events(await client.data(EVENTS))
    assert [event["connectionId"] for event in events] == [str(one.id)] * 2 + [str(two.id)] * 2
