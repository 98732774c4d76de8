"""Events of kinds that a newer version wrote: they have a position, and are not shown."""

import sqlite3
from contextlib import closing
from pathlib import Path

from domain.events import EventCursor, ProviderEvent, RecordedEvent, UnrecognizedEvent
from domain.ports import PageRequest
from tests.contracts.worlds.world import attempted
from tests.integration.sqlite.node import Node
from tests.support.ids import a_connection, a_user
from tests.unit.schema.wire import Wire


def allow_every_kind(path: Path) -> None:
    """As a migration of a newer version would."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, '''connected'', ''access_lost''',"
            " '''connected'', ''sold'', ''access_lost''') WHERE name = 'provider_events'"
        )
        db.commit()


async def test_event_of_an_unknown_kind_is_passed_over(node: Node) -> None:
    user_id = a_user()
    await node.bus.publish(attempted(user_id, a_connection()))
    allow_every_kind(node.path)
    with closing(sqlite3.connect(node.path)) as db:
        db.execute(
            "INSERT INTO provider_events SELECT commit_order + 1, replace(id, '-7', '-6'), user_id,"
            " 2, 'sold', occurred_at, connection_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL,"
            " NULL, NULL, NULL, NULL, NULL FROM provider_events"
        )
        db.execute("UPDATE log_heads SET position = 2")
        db.commit()

    read = await node.log.read(EventCursor.start(user_id), 10)
    assert [type(item.event).__name__ for item in read] == [
        "ProviderDisconnectionAttempted",
        "UnrecognizedEvent",
    ]
    page = await node.log.page(user_id, PageRequest(limit=10))
    assert page.items == read


async def test_clients_are_not_shown_what_is_not_recognized() -> None:
    wire = Wire()
    user_id = a_user(0xADA)
    begun = attempted(user_id, a_connection())
    log = wire.world.logs[user_id]
    facts = {name: getattr(begun, name) for name in ("occurred_at", "user_id", "connection_id")}
    for position in (1, 2, 3):
        event: ProviderEvent = attempted(user_id, begun.connection_id)
        if position == 2:
            event = UnrecognizedEvent(
                **facts, id=event.id, attempt_id=None, provider=None, kind="sold"
            )
        log.append(RecordedEvent(event=event, position=position))
    query = "{ providerEvents(first: 3) { edges { node { position } } pageInfo { endCursor } } }"
    async with wire.client(user_id) as client:
        shown = (await client.data(query))["providerEvents"]
        assert [edge["node"]["position"] for edge in shown["edges"]] == [1, 3]
        assert shown["pageInfo"]["endCursor"] == log[-1].cursor.encode()
        hidden = await client.data(f'{{ node(id: "{log[1].event.id}") {{ id }} }}')
        assert hidden == {"node": None}
