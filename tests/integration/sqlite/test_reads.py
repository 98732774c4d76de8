"""Reading a SQLite file beside its writer."""

import asyncio
from contextlib import closing

import pytest
from tortoise.exceptions import OperationalError

from domain.events import EventCursor
from domain.ports import PageRequest, StorageError
from infrastructure.database.sqlite.connection import connect
from tests.contracts.worlds.world import attempted
from tests.integration.sqlite.node import Node
from tests.support.ids import a_connection, a_user, an_event


async def test_reads_hold_no_transaction(node: Node) -> None:
    user = a_user()
    await node.bus.publish(attempted(user, a_connection()))
    await node.log.read(EventCursor.start(user), 10)
    await node.connections.find_by_id(a_connection())
    await node.connections.find_by_user_id(user)

    with closing(connect(node.path)) as other:
        busy, left, _ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    assert (busy, left) == (0, 0)


async def test_read_that_fails_says_why_to_the_log_and_raises_an_error_of_ours(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(connect(node.path)) as other:
        other.execute("ALTER TABLE provider_events RENAME TO elsewhere")
        other.execute("ALTER TABLE provider_connections RENAME TO nowhere")
        other.execute("ALTER TABLE open_attempts RENAME TO anywhere")
    reads = [
        node.log.read(EventCursor.start(a_user()), 10),
        node.log.page(a_user(), PageRequest(limit=1)),
        node.log.head(a_user()),
        node.log.find(a_user(), an_event()),
        node.connections.find_by_id(a_connection()),
        node.connections.find_by_user_id(a_user()),
        node.connections.page(a_user(), PageRequest(limit=1)),
        node.open_attempts.close_abandoned(None),
    ]

    results = await asyncio.gather(*reads, return_exceptions=True)

    for result in results:
        assert isinstance(result, StorageError)
        assert (result.__cause__, result.__suppress_context__) == (None, True)
    assert capsys.readouterr().out.count("SQLITE_ERROR") == len(reads)


async def test_nothing_is_written_through_the_readers(node: Node) -> None:
    with pytest.raises(OperationalError, match="readonly"):
        await node.database.client.execute_query("DELETE FROM open_attempts")
