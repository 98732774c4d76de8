"""Many writers on one SQLite file, in this process and beside it."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from tortoise.exceptions import OperationalError
from uuid_utils.compat import uuid7

from domain.disconnect_provider import DisconnectProvider, DisconnectProviderHandler, Outcome
from domain.events import FailureReason, ProviderDisconnectionFailed, ProviderEvent, RecordedEvent
from domain.ports import ConcurrentUpdate, StorageError, Window
from domain.provider_connection import ConnectionStatus
from domain.result import Success
from infrastructure.event_bus import WriterEventBus
from infrastructure.event_log import TortoiseEventLog
from infrastructure.migrate import migrate_sqlite
from infrastructure.open_attempts import OpenAttempts
from infrastructure.provider_connections import TortoiseProviderConnectionRepository
from infrastructure.sqlite_connection import connect
from infrastructure.sqlite_database import SqliteDatabase
from infrastructure.sqlite_store import SqliteStore
from infrastructure.store import MemberRefused, Write
from infrastructure.writer import Writer
from tests.contracts.world import active, attempted, failed, succeeded


class Node:
    """A process's parts, wired as the server wires them."""

    def __init__(self, path: Path, database: SqliteDatabase) -> None:
        self.path = path
        self.database = database
        self.announced: list[RecordedEvent] = []
        self.writer = Writer(database.store, self.announced.extend)
        self.writer.start()
        self.connections = TortoiseProviderConnectionRepository(database.client, self.writer)
        self.bus = WriterEventBus(self.writer)
        self.log = TortoiseEventLog(database.client)
        self.open_attempts = OpenAttempts(database.store, self.writer, now=now, new_id=uuid7)
        self.handler = DisconnectProviderHandler(self.connections, self.bus, now=now, new_id=uuid7)

    async def disconnect(self, user_id: UUID, connection_id: UUID) -> Outcome:
        return await self.handler.handle(
            DisconnectProvider(user_id=user_id, connection_id=connection_id, attempt_id=uuid7())
        )

    async def aclose(self) -> None:
        await self.handler.aclose()
        await self.writer.aclose()
        await self.database.aclose()


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    path = tmp_path / "unplug.sqlite3"
    migrate_sqlite(path)
    node = Node(path, await SqliteDatabase.open(path))
    yield node
    await node.aclose()


async def test_200_disconnects_of_20_connections_with_a_third_hanging_up(node: Node) -> None:
    users = [uuid7() for _ in range(10)]
    owned = [active(user) for user in users for _ in range(2)]
    await node.database.store.insert(owned)
    tasks = [
        asyncio.create_task(node.disconnect(connection.user_id, connection.id))
        for connection in owned * 10
    ]
    for index, task in enumerate(tasks):
        if index % 3 == 0:
            # Each hangs up at another moment of the work, as many loop turns later.
            for _ in range(index % 7):
                await asyncio.sleep(0)
            task.cancel()

    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert all(isinstance(item, Success | asyncio.CancelledError) for item in outcomes)
    assert sum(isinstance(item, Success) for item in outcomes) >= 200 - 67
    await node.open_attempts.close_abandoned(None)
    for user in users:
        events = await node.log.read(user, 0, 1000)
        assert [item.position for item in events] == list(range(1, len(events) + 1))
        attempts = [item.event.attempt_id for item in events]
        assert all(attempts.count(attempt) == 2 for attempt in attempts)
    for connection in owned:
        stored = await node.connections.find_by_id(connection.id)
        assert stored is not None
        assert (stored.status, stored.version) == (ConnectionStatus.DISCONNECTED, 2)
    # The writer still works.
    assert isinstance(await node.disconnect(owned[0].user_id, owned[0].id), Success)


async def test_changes_of_one_connection_in_one_batch_leave_one_winner(node: Node) -> None:
    connection = active(uuid7())
    await node.database.store.insert([connection])
    attempts = [attempted(connection.user_id, connection.id) for _ in range(3)]
    await asyncio.gather(*map(node.bus.publish, attempts))
    changed = connection.mark_disconnected(now())

    outcomes = await node.database.store.commit(
        [Write(event=succeeded(attempt), connection=changed) for attempt in attempts]
    )

    assert isinstance(outcomes[0], RecordedEvent)
    assert [type(outcome) for outcome in outcomes[1:]] == [ConcurrentUpdate] * 2
    assert (await node.log.head(connection.user_id)).position == 4


async def test_bad_member_fails_alone(node: Node) -> None:
    user = uuid7()
    taken = attempted(user, uuid7())
    await node.bus.publish(taken)
    unwritable = replace(attempted(user, uuid7()), user_id=UUID(int=0))
    object.__setattr__(unwritable, "connection_id", "not a UUID")
    writes = [attempted(user, uuid7()), taken, unwritable, attempted(user, uuid7())]

    results = await asyncio.gather(*map(node.bus.publish, writes), return_exceptions=True)

    assert [type(result) for result in results[1:3]] == [StorageError, StorageError]
    assert [results[0], results[3]] == await node.log.read(user, 1, 10)


async def test_open_attempts_are_closed_and_announced(node: Node) -> None:
    user = uuid7()
    attempts = [attempted(user, uuid7()) for _ in range(3)]
    for attempt in attempts:
        await node.bus.publish(attempt)
    await node.bus.publish(failed(attempts[0]))
    node.announced.clear()

    assert await node.open_attempts.close_abandoned(timedelta(seconds=30)) == 0
    assert await node.open_attempts.close_abandoned(None) == 2
    assert await node.open_attempts.close_abandoned(None) == 0

    events = [recorded.event for recorded in await node.log.read(user, 4, 10)]
    assert node.announced == await node.log.read(user, 4, 10)
    assert {event.attempt_id for event in events} == {a.attempt_id for a in attempts[1:]}
    for event in events:
        assert isinstance(event, ProviderDisconnectionFailed)
        assert event.reason is FailureReason.INTERRUPTED


async def test_attempt_is_abandoned_once_it_is_old_by_the_databases_clock(node: Node) -> None:
    old, young = attempted(uuid7(), uuid7()), attempted(uuid7(), uuid7())
    await node.bus.publish(old)
    await node.bus.publish(young)
    with closing(connect(node.path)) as db:
        db.execute(
            "UPDATE open_attempts SET opened_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now',"
            " '-31 seconds') WHERE attempt_id = ?",
            (str(old.attempt_id),),
        )

    assert await node.open_attempts.close_abandoned(timedelta(seconds=30)) == 1
    assert (await node.log.head(old.user_id)).position == 2
    assert (await node.log.head(young.user_id)).position == 1


async def test_heads_are_read_for_many_users_at_once(node: Node) -> None:
    users = [uuid7() for _ in range(3)]
    for user in [*users[:2], users[0]]:
        await node.bus.publish(attempted(user, uuid7()))

    assert await node.log.heads(users) == {users[0]: 2, users[1]: 1}


# It takes its time within each transaction, so that this process's ones begin meanwhile.
OTHER_WRITER = """
import sys
import time
from pathlib import Path
from infrastructure.sqlite_connection import connect
db = connect(Path(sys.argv[1]))
for turn in range(100):
    db.execute("BEGIN IMMEDIATE")
    db.execute("SELECT count(*) FROM provider_connections").fetchone()
    db.execute("UPDATE provider_connections SET alias = ? WHERE id = ?", (str(turn), sys.argv[2]))
    time.sleep(0.005)
    db.execute("COMMIT")
    print(turn, flush=True)
"""


async def test_another_process_writes_beside_the_server(node: Node) -> None:
    theirs, user = active(uuid7()), uuid7()
    await node.database.store.insert([theirs])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OTHER_WRITER, str(node.path), str(theirs.id),
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    await process.stdout.readline()  # it is at work

    events: list[ProviderEvent] = []
    for _ in range(60):
        attempt = attempted(user, uuid7())
        events += [attempt, failed(attempt)]
        await node.bus.publish(attempt)
        await node.bus.publish(events[-1])  # reads what is open before it writes

    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    assert output.split()[-1] == b"99"
    assert [item.event for item in await node.log.read(user, 0, 200)] == events
    stored = await node.connections.find_by_id(theirs.id)
    assert stored is not None
    assert stored.alias == "99"


async def test_lock_that_is_held_too_long_is_a_storage_error_and_no_wedge(node: Node) -> None:
    store = SqliteStore(node.path, busy_timeout=50)
    writes = [Write(event=attempted(uuid7(), uuid7()))]
    with closing(connect(node.path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError):
            await store.commit(writes)
        other.execute("ROLLBACK")

    assert [type(outcome) for outcome in await store.commit(writes)] == [RecordedEvent]
    await store.aclose()


async def test_commit_that_fails_leaves_no_transaction_open(node: Node) -> None:
    def fail_at_commit(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER"
                   " REFERENCES child (id) DEFERRABLE INITIALLY DEFERRED)")  # fmt: skip
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO child VALUES (1, 2)")
        db.execute("COMMIT")

    with pytest.raises(MemberRefused):
        await node.database.store._run(fail_at_commit)

    assert (await node.bus.publish(attempted(uuid7(), uuid7()))).position == 1


async def test_reads_hold_no_transaction(node: Node) -> None:
    user = uuid7()
    await node.bus.publish(attempted(user, uuid7()))
    await node.log.read(user, 0, 10)
    await node.connections.find_by_id(uuid7())
    await node.connections.find_by_user_id(user)

    with closing(connect(node.path)) as other:
        busy, left, _ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    assert (busy, left) == (0, 0)


async def test_read_that_fails_says_why_to_the_log_alone(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(connect(node.path)) as other:
        other.execute("ALTER TABLE provider_events RENAME TO elsewhere")
        other.execute("ALTER TABLE provider_connections RENAME TO nowhere")
    reads = [
        node.log.read(uuid7(), 0, 10),
        node.log.page(uuid7(), Window(limit=1)),
        node.log.head(uuid7()),
        node.log.find(uuid7(), uuid7()),
        node.connections.find_by_id(uuid7()),
        node.connections.find_by_user_id(uuid7()),
        node.connections.page(uuid7(), Window(limit=1)),
        node.open_attempts.close_abandoned(None),
    ]

    results = await asyncio.gather(*reads, return_exceptions=True)

    for result in results:
        assert isinstance(result, StorageError)
        assert (result.args, result.__cause__, result.__suppress_context__) == ((), None, True)
    assert capsys.readouterr().out.count("no such table") == len(reads)


async def test_nothing_is_written_through_the_readers(node: Node) -> None:
    with pytest.raises(OperationalError, match="readonly"):
        await node.database.client.execute_query("DELETE FROM open_attempts")


async def test_disk_that_is_full_is_a_storage_error_and_no_wedge(node: Node) -> None:
    user = uuid7()
    await node.bus.publish(attempted(user, uuid7()))
    await node.database.store._run(lambda db: db.execute("PRAGMA max_page_count = 1").fetchone())

    results = await asyncio.gather(
        *(node.bus.publish(attempted(user, uuid7())) for _ in range(300)), return_exceptions=True
    )
    assert {type(result) for result in results} == {StorageError}

    await node.database.store._run(lambda db: db.execute("PRAGMA max_page_count = 99").fetchone())
    assert (await node.bus.publish(attempted(user, uuid7()))).position == 2
