"""Many writers on one SQLite file, in this process and beside it."""

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from domain.events import EventCursor, ProviderEvent
from domain.ports import ConcurrentUpdate, StorageError
from domain.provider_connection import ConnectionStatus
from domain.result import Success
from infrastructure.database.members import Write
from infrastructure.database.sqlite.connection import connect
from infrastructure.database.sqlite.store import SqliteStore
from infrastructure.database.store import Abandoned, MemberRefused
from tests.contracts.worlds.world import active, attempted, failed, succeeded
from tests.integration.sqlite.node import Node, now
from tests.support.ids import a_connection, a_user


async def test_200_disconnects_of_20_connections_with_a_third_hanging_up(node: Node) -> None:
    users = [a_user() for _ in range(10)]
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
    await node.open_attempts.close_all(Abandoned())
    for user in users:
        events = await node.log.read(EventCursor.start(user), 1000)
        assert [item.position for item in events] == list(range(1, len(events) + 1))
        attempts = [item.event.attempt_id for item in events]
        assert all(attempts.count(attempt) == 2 for attempt in attempts)
    for connection in owned:
        stored = await node.connections.find_by_id(connection.id)
        assert stored is not None
        assert (stored.status, stored.version) == (ConnectionStatus.DISCONNECTED, 2)
    # The writer still works.
    assert isinstance(await node.disconnect(owned[0].user_id, owned[0].id), Success)


async def test_destroyed_credentials_are_in_no_temporary_file(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = 0
    files: set[str] = set()

    def look(statement: str) -> None:
        nonlocal commits
        if statement == "COMMIT":
            commits += 1
            for file in Path("/proc/self/fd").iterdir():
                with contextlib.suppress(FileNotFoundError):
                    files.add(str(file.readlink()))

    def traced(path: Path, *, busy_timeout: int) -> sqlite3.Connection:
        connection = connect(path, busy_timeout=busy_timeout)
        connection.set_trace_callback(look)
        return connection

    monkeypatch.setattr("infrastructure.database.sqlite.store.connect", traced)
    owned = [active(a_user()) for _ in range(400)]
    await node.database.store.insert(owned)
    await asyncio.gather(*[node.disconnect(each.user_id, each.id) for each in owned])
    assert commits
    assert any(file.endswith("-wal") for file in files)
    assert not [file for file in files if "etilqs" in file]  # as SQLite calls them


async def test_changes_of_one_connection_in_one_batch_leave_one_winner(node: Node) -> None:
    connection = active(a_user())
    await node.database.store.insert([connection])
    attempts = [attempted(connection.user_id, connection.id) for _ in range(3)]
    await asyncio.gather(*map(node.bus.publish, attempts))
    changed = connection.mark_disconnected(now())

    outcomes = await node.database.store.commit(
        [Write(events=(succeeded(attempt),), connection=changed) for attempt in attempts]
    )

    assert isinstance(outcomes[0], list)
    assert [type(outcome) for outcome in outcomes[1:]] == [ConcurrentUpdate] * 2
    assert (await node.log.head(connection.user_id)).position == 4


async def test_bad_member_fails_alone(node: Node) -> None:
    user = a_user()
    taken = attempted(user, a_connection())
    first = await node.bus.publish(taken)
    unwritable = replace(attempted(user, a_connection()), user_id=a_user(0))
    object.__setattr__(unwritable, "connection_id", "not a UUID")
    writes = [attempted(user, a_connection()), taken, unwritable, attempted(user, a_connection())]

    results = await asyncio.gather(*map(node.bus.publish, writes), return_exceptions=True)

    assert [type(result) for result in results[1:3]] == [StorageError, StorageError]
    assert [results[0], results[3]] == await node.log.read(first.cursor, 10)


# It takes its time within each transaction, so that this process's ones begin meanwhile.
OTHER_WRITER = """
import sys
import time
from pathlib import Path
from infrastructure.database.sqlite.connection import connect
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
    theirs, user = active(a_user()), a_user()
    await node.database.store.insert([theirs])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OTHER_WRITER, str(node.path), str(theirs.id),
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    await process.stdout.readline()  # it is at work

    events: list[ProviderEvent] = []
    for _ in range(60):
        attempt = attempted(user, a_connection())
        events += [attempt, failed(attempt)]
        await node.bus.publish(attempt)
        await node.bus.publish(events[-1])  # reads what is open before it writes

    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    assert output.split()[-1] == b"99"
    assert [item.event for item in await node.log.read(EventCursor.start(user), 200)] == events
    stored = await node.connections.find_by_id(theirs.id)
    assert stored is not None
    assert stored.alias == "99"


BUSY_WRITER = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA busy_timeout=0")
print("at work", flush=True)
while True:
    try:
        db.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        continue
    db.execute("UPDATE provider_connections SET version = version + 1")
    time.sleep(0.005)
    db.execute("COMMIT")
    time.sleep(0.0005)
"""


async def test_commits_get_their_turn_beside_a_process_that_writes_almost_all_the_time(
    node: Node,
) -> None:
    theirs, user = active(a_user()), a_user()
    await node.database.store.insert([theirs])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BUSY_WRITER, str(node.path), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        await process.stdout.readline()
        for _ in range(20):
            await node.bus.publish(attempted(user, a_connection()))
    finally:
        process.kill()
        await process.wait()

    stored = await node.connections.find_by_id(theirs.id)
    assert stored is not None
    assert stored.version - theirs.version < 2 * 20


async def test_lock_that_is_held_too_long_is_a_storage_error_and_no_wedge(node: Node) -> None:
    store = SqliteStore(node.path, busy_timeout=50)
    writes = [Write(events=(attempted(a_user(), a_connection()),))]
    with closing(connect(node.path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError):
            await store.commit(writes)
        other.execute("ROLLBACK")

    assert [type(outcome) for outcome in await store.commit(writes)] == [list]
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

    assert (await node.bus.publish(attempted(a_user(), a_connection()))).position == 1


async def test_disk_that_is_full_is_a_storage_error_and_no_wedge(node: Node) -> None:
    user = a_user()
    await node.bus.publish(attempted(user, a_connection()))
    await node.database.store._run(lambda db: db.execute("PRAGMA max_page_count = 1").fetchone())

    results = await asyncio.gather(
        *(node.bus.publish(attempted(user, a_connection())) for _ in range(300)),
        return_exceptions=True,
    )
    assert {type(result) for result in results} == {StorageError}

    await node.database.store._run(lambda db: db.execute("PRAGMA max_page_count = 99").fetchone())
    assert (await node.bus.publish(attempted(user, a_connection()))).position == 2
