"""A server that is away, stopped or busy: an error in good time, and recovery by itself."""

import asyncio
import dataclasses
import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest

from domain.events import EventCursor, ProviderEvent, RecordedEvent
from domain.identifiers import UserId
from domain.ports import StorageError
from infrastructure.command_runner import DEADLINE
from infrastructure.database.members import Write
from infrastructure.database.postgres.connection import PostgresOptions
from infrastructure.database.postgres.database import PostgresDatabase
from infrastructure.database.postgres.migrate import migrate_postgres
from infrastructure.database.postgres.store import PostgresStore
from infrastructure.persistence.event_log import TortoiseEventLog
from infrastructure.persistence.writer import Writer
from tests.contracts.worlds.world import attempted
from tests.support.ids import a_connection, a_user
from tests.support.servers.postgres import PostgresServer
from tests.support.woken import eventually

USER, CONNECTION = a_user(1), a_connection(2)


@dataclasses.dataclass
class Node:
    """What a node reads and writes with."""

    database: PostgresDatabase
    writer: Writer
    log: TortoiseEventLog

    async def write(self, event: ProviderEvent) -> RecordedEvent:
        (recorded,) = await self.writer.write(Write(events=(event,)))
        return recorded


@asynccontextmanager
async def running(options: PostgresOptions) -> AsyncIterator[Node]:
    database = await PostgresDatabase.open(options)
    async with Writer(database.store, lambda _: None) as writer:
        yield Node(database, writer, TortoiseEventLog(database.client))
    await database.aclose()


@pytest.fixture
async def node(options: PostgresOptions) -> AsyncIterator[Node]:
    async with running(options) as node:
        yield node


@pytest.fixture
async def own_server() -> AsyncIterator[PostgresServer]:
    """One that the test may stop."""
    server = PostgresServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
async def own_options(own_server: PostgresServer) -> PostgresOptions:
    options = PostgresOptions(url=own_server.create_database("unplug"))
    await migrate_postgres(options.url)
    return options


async def fails_in_time(call: Callable[[], object]) -> None:
    began = asyncio.get_running_loop().time()
    with pytest.raises((StorageError, TimeoutError)):
        await asyncio.wait_for(call(), DEADLINE)  # type: ignore[arg-type]
    assert asyncio.get_running_loop().time() - began < DEADLINE


async def test_a_restart_under_load_loses_nothing(
    own_server: PostgresServer, own_options: PostgresOptions
) -> None:
    async with running(own_options) as node:
        recorded: list[RecordedEvent] = []
        failures = 0

        async def writes() -> None:
            nonlocal failures
            for _ in range(60):
                try:
                    async with asyncio.timeout(DEADLINE):
                        recorded.append(await node.write(attempted(USER, CONNECTION)))
                except StorageError:
                    failures += 1
                    await asyncio.sleep(0.05)

        async def restarts() -> None:
            for crash in (False, True):
                so_far = len(recorded)
                await eventually(lambda: len(recorded) > so_far + 20)  # noqa: B023 (awaited here)
                await asyncio.to_thread(own_server.stop, crash=crash)
                await asyncio.to_thread(own_server.start)

        await asyncio.gather(restarts(), *(writes() for _ in range(4)))

        log = await node.log.read(EventCursor.start(USER), 1_000)
        assert [each.position for each in log] == list(range(1, len(log) + 1))
        assert sorted(each.position for each in recorded) == [each.position for each in log]
        assert len(recorded) + failures == 240


async def test_a_server_that_is_away_is_an_error_in_good_time(
    own_server: PostgresServer, own_options: PostgresOptions
) -> None:
    async with running(own_options) as node:
        own_server.stop()
        await fails_in_time(lambda: node.write(attempted(USER, CONNECTION)))
        await fails_in_time(lambda: node.log.read(EventCursor.start(USER), 10))
        own_server.start()
        await node.write(attempted(USER, CONNECTION))
        assert len(await node.log.read(EventCursor.start(USER), 10)) == 1


async def test_a_server_that_says_nothing_is_an_error_in_good_time(
    own_server: PostgresServer, own_options: PostgresOptions
) -> None:
    quick = dataclasses.replace(own_options, connect_timeout=0.5, statement_timeout=0.5)
    async with running(quick) as node:
        own_server.signal_all(signal.SIGSTOP)
        try:
            await fails_in_time(lambda: node.log.read(EventCursor.start(USER), 10))
            await fails_in_time(lambda: node.write(attempted(USER, CONNECTION)))
        finally:
            own_server.signal_all(signal.SIGCONT)
        await node.write(attempted(USER, CONNECTION))
        log = await node.log.read(EventCursor.start(USER), 10)
        assert [each.position for each in log] == list(range(1, len(log) + 1))


async def test_an_exhausted_pool_is_an_error_in_good_time(options: PostgresOptions) -> None:
    small = dataclasses.replace(options, pool_size=1, connect_timeout=0.3)
    async with running(small) as node:
        async with node.database.client.acquire_connection():
            await fails_in_time(lambda: node.log.read(EventCursor.start(USER), 10))
            await node.write(attempted(USER, CONNECTION))
        assert len(await node.log.read(EventCursor.start(USER), 10)) == 1


async def test_whoever_is_cancelled_leaves_no_transaction_open(
    node: Node, options: PostgresOptions
) -> None:
    chance = random.Random(7)  # noqa: S311
    for _ in range(150):
        if chance.random() < 0.5:
            task: asyncio.Task[object] = asyncio.create_task(
                node.log.read(EventCursor.start(USER), 10)
            )
        else:
            task = asyncio.create_task(node.write(attempted(USER, CONNECTION)))
        await asyncio.sleep(chance.random() * 0.003)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stranger = await asyncpg.connect(options.url)
    async with asyncio.timeout(5):
        while await stranger.fetchval(  # noqa: ASYNC110 (the server sends no notice)
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND state LIKE 'idle in transaction%'"
        ):
            await asyncio.sleep(0.05)
    await stranger.close()
    await node.write(attempted(USER, CONNECTION))
    log = await node.log.read(EventCursor.start(USER), 1_000)
    assert [each.position for each in log] == list(range(1, len(log) + 1))


async def test_nodes_that_write_to_the_same_users_at_once(options: PostgresOptions) -> None:
    users = [a_user() for _ in range(5)]
    async with running(options) as first, running_writer(options) as second:

        async def writes(writer: Writer, order: list[UserId]) -> None:
            for _ in range(40):
                await asyncio.gather(
                    *(writer.write(Write(events=(attempted(user, CONNECTION),))) for user in order)
                )

        await asyncio.gather(
            writes(first.writer, users),
            writes(second, users[::-1]),
            writes(first.writer, users[::-1]),
            writes(second, users),
        )
        for user in users:
            log = await first.log.read(EventCursor.start(user), 1_000)
            assert [each.position for each in log] == list(range(1, 161))


@asynccontextmanager
async def running_writer(options: PostgresOptions) -> AsyncIterator[Writer]:
    """Another node's writer. Tortoise can be open once in a process."""
    store = PostgresStore(options, client=None)  # type: ignore[arg-type] # it reads nothing
    async with Writer(store, lambda _: None) as writer:
        yield writer
    await store.aclose()
