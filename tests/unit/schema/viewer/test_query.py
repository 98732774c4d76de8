"""Queries: the viewer's own connections and history, page by page."""

from typing import Any

import pytest

from domain.provider_connection import ConnectionStatus
from tests.unit.schema.wire import ADA, BOB, Client, Json, Wire

CONNECTIONS = """
query Connections(
  $first: Int, $after: String, $last: Int, $before: String, $status: [ConnectionStatus!]
) {
  connectedProviders(
    first: $first, after: $after, last: $last, before: $before, status: $status
  ) {
    edges { cursor node { alias } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""
EVENTS = """
query Events(
  $first: Int, $after: String, $last: Int, $before: String, $connectionId: ID
) {
  providerEvents(
    first: $first, after: $after, last: $last, before: $before, connectionId: $connectionId
  ) {
    edges { cursor node { position cursor id } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""
DISCONNECT = """
mutation Disconnect($id: ID!) {
  disconnectProvider(input: {connectionId: $id}) {
    ... on DisconnectProviderSuccess { cursor }
  }
}
"""


class Pages:
    """One of the lists, with what is shown of each item."""

    def __init__(self, client: Client, query: str, field: str, shown: str) -> None:
        self._client, self._query, self._field, self._shown = client, query, field, shown

    async def page(self, **arguments: object) -> tuple[list[Json], bool, bool]:
        page = (await self._client.data(self._query, **arguments))[self._field]
        cursors = [edge["cursor"] for edge in page["edges"]]
        assert page["pageInfo"]["startCursor"] == (cursors[0] if cursors else None)
        assert page["pageInfo"]["endCursor"] == (cursors[-1] if cursors else None)
        items = [edge["node"][self._shown] for edge in page["edges"]]
        return items, page["pageInfo"]["hasPreviousPage"], page["pageInfo"]["hasNextPage"]

    async def cursor(self, index: int) -> str:
        page = (await self._client.data(self._query))[self._field]
        cursor: str = page["edges"][index]["cursor"]
        return cursor


async def _some(wire: Wire, client: Client, kind: str) -> Pages:
    """Five items: connections called 1 to 5, or their events at positions 1 to 5 (and more)."""
    for number in range(1, 6):
        connection = wire.connect(ADA, number, alias=str(number))
        wire.connect(BOB, number, alias="Bob's")
        if kind == "providerEvents" and number < 4:
            await client.data(DISCONNECT, id=str(connection.id))
    if kind == "connectedProviders":
        return Pages(client, CONNECTIONS, kind, "alias")
    wire.world.logs[ADA].pop()
    return Pages(client, EVENTS, kind, "position")


@pytest.mark.parametrize("kind", ["connectedProviders", "providerEvents"])
async def test_pages_walk_in_both_directions(kind: str) -> None:
    wire = Wire()
    async with wire.client() as client:
        pages = await _some(wire, client, kind)

        async def numbers(**arguments: object) -> tuple[list[int], bool, bool]:
            items, previous, following = await pages.page(**arguments)
            return [int(item) for item in items], previous, following

        two, three, four = [await pages.cursor(index) for index in (1, 2, 3)]
        assert await numbers() == ([1, 2, 3, 4, 5], False, False)
        assert await numbers(first=5) == ([1, 2, 3, 4, 5], False, False)
        assert await numbers(first=2) == ([1, 2], False, True)
        assert await numbers(first=2, after=two) == ([3, 4], True, True)
        assert await numbers(first=2, after=three) == ([4, 5], True, False)
        assert await numbers(last=2) == ([4, 5], True, False)
        assert await numbers(last=2, before=four) == ([2, 3], True, True)
        assert await numbers(last=2, before=three) == ([1, 2], False, True)
        assert await numbers(after=two, before=four) == ([3], True, True)
        assert (await numbers(after=four, before=two))[0] == []


async def test_an_empty_list_has_no_cursors() -> None:
    async with Wire().client() as client:
        page = (await client.data(CONNECTIONS))["connectedProviders"]
    assert page["edges"] == []
    assert page["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": False,
        "startCursor": None,
        "endCursor": None,
    }


@pytest.mark.parametrize("query", [CONNECTIONS, EVENTS])
@pytest.mark.parametrize(
    "arguments",
    [{"first": 0}, {"first": 101}, {"last": -1}, {"last": 101}, {"first": 1, "last": 1}],
)
async def test_a_page_has_one_to_a_hundred_items(query: str, arguments: dict[str, int]) -> None:
    async with Wire().client() as client:
        [error] = await client.errors(query, **arguments)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_connections_are_chosen_by_status() -> None:
    wire = Wire()
    for number, status in enumerate(ConnectionStatus):
        wire.connect(ADA, number, alias=status.name, status=status)
    async with wire.client() as client:
        pages = Pages(client, CONNECTIONS, "connectedProviders", "alias")
        assert (await pages.page(status=["EXPIRED", "ACTIVE"]))[0] == ["ACTIVE", "EXPIRED"]
        assert (await pages.page(status=["ACTIVE"], first=1))[1:] == (False, False)
        assert (await pages.page(status=[]))[0] == []
        assert len((await pages.page(status=None))[0]) == len(ConnectionStatus)
        [error] = await client.errors(CONNECTIONS, status=["GONE"])
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_history_of_one_connection() -> None:
    wire = Wire()
    async with wire.client() as client:
        pages = await _some(wire, client, "providerEvents")
        second = str(wire.world.logs[ADA][2].event.connection_id)
        assert (await pages.page(connectionId=second))[0] == [3, 4]
        assert (await pages.page(connectionId=second, first=1)) == ([3], False, True)
        [error] = await client.errors(EVENTS, connectionId="nonsense")
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_cursor_that_cannot_be_honoured_is_refused() -> None:
    wire = Wire()
    async with wire.client() as ada, wire.client(BOB) as bob:
        events = await _some(wire, ada, "providerEvents")
        connections = Pages(ada, CONNECTIONS, "connectedProviders", "alias")
        await bob.data(DISCONNECT, id=str(wire.connect(BOB, 9).id))
        bobs_event = await Pages(bob, EVENTS, "providerEvents", "position").cursor(0)
        bobs_connection = await Pages(bob, CONNECTIONS, "connectedProviders", "alias").cursor(0)
        event, connection = await events.cursor(4), await connections.cursor(0)
        wire.world.logs[ADA].pop()  # a restore: the event at this position is gone
        wrong = {
            EVENTS: [connection, bobs_event, event, "", "nonsense", "é", event[:-1], event + "A"],
            CONNECTIONS: [event, bobs_connection, "", "nonsense", connection[:-1], "\x00"],
        }
        for query, cursors in wrong.items():
            for cursor in cursors:
                for name in ("after", "before"):
                    [error] = await ada.errors(query, **{name: cursor})
                    assert error["extensions"] == {"code": "INVALID_CURSOR"}, (query, cursor)


async def test_a_node_is_a_connection_or_an_event_of_the_viewers() -> None:
    query = """
    query Node($id: ID!) {
      node(id: $id) {
        __typename id
        ... on ConnectedProvider { status }
        ... on ProviderEvent { position }
      }
    }
    """
    wire = Wire()
    connection = wire.connect(ADA, 1)
    async with wire.client() as ada, wire.client(BOB) as bob:
        await ada.data(DISCONNECT, id=str(connection.id))
        event = wire.world.logs[ADA][1].event
        assert (await ada.data(query, id=str(connection.id)))["node"] == {
            "__typename": "ConnectedProvider",
            "id": str(connection.id),
            "status": "DISCONNECTED",
        }
        assert (await ada.data(query, id=str(event.id).upper()))["node"] == {
            "__typename": "ProviderDisconnectionSucceeded",
            "id": str(event.id),
            "position": 2,
        }
        for node_id in (connection.id, event.id):
            assert await bob.data(query, id=str(node_id)) == {"node": None}
        [error] = await ada.errors(query, id="nonsense")
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    "query",
    [
        "{ providerEvents { edges { cursor } } eventCursor }",
        "{ providerEvents { edges { cursor } } ...Late } fragment Late on Query { eventCursor }",
        "{ providerEvents { edges { cursor } } ... on Query { ... { eventCursor } } }",
    ],
)
async def test_the_event_cursor_is_never_newer_than_the_data_beside_it(query: str) -> None:
    """Something happens while the page is read: it is in the page or behind the cursor."""
    wire = Wire()
    connection = wire.connect(ADA, 1)

    async with wire.client() as client:

        async def meanwhile() -> None:
            await client.data(DISCONNECT, id=str(connection.id))

        wire.world.at("read", _nothing, meanwhile)  # the cursor's read, then the page's
        data: dict[str, Any] = await client.data(query)
        later = await client.data(EVENTS, after=data["eventCursor"])
    assert len(data["providerEvents"]["edges"]) == 2
    assert [edge["node"]["position"] for edge in later["providerEvents"]["edges"]] == [1, 2]


async def _nothing() -> None: ...


async def test_a_database_that_is_down_is_an_error_to_repeat() -> None:
    wire = Wire()
    wire.world.down = True
    async with wire.client() as client:
        for query in (CONNECTIONS, EVENTS):
            [error] = await client.errors(query)
            assert error["extensions"] == {"code": "SERVICE_UNAVAILABLE", "retryAfter": 1}
            assert error["message"] == "The database does not answer at the moment. Try again."
