"""A server that takes no writes for a while: a standby, or one that was made read-only."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import urlsplit

import asyncpg
import pytest

from domain.events import EventCursor
from domain.ports import StorageError
from infrastructure.database.members import Write
from infrastructure.database.postgres.connection import PostgresOptions
from infrastructure.database.postgres.database import PostgresDatabase
from infrastructure.database.postgres.migrate import migrate_postgres
from infrastructure.persistence.all_events import TortoiseAllEvents
from infrastructure.persistence.event_log import TortoiseEventLog
from infrastructure.persistence.writer import Writer
from tests.contracts.worlds.world import attempted
from tests.support.ids import a_connection, a_user
from tests.support.network.tcp_proxy import TcpProxy
from tests.support.servers.postgres import PostgresServer
from tests.support.woken import eventually

FAR = 2**62
USER = a_user(1)


class Node:
    """What a node reads and writes with."""

    def __init__(self, database: PostgresDatabase, writer: Writer) -> None:
        self.database = database
        self.writer = writer
        self.log = TortoiseEventLog(database.client)

    async def write(self) -> None:
        await self.writer.write(Write(events=(attempted(USER, a_connection()),)))

    async def length(self) -> int:
        return len(await self.log.read(EventCursor.start(USER), 100))

    async def reads_from_a_standby(self) -> bool:
        _, rows = await self.database.client.execute_query("SELECT pg_is_in_recovery() AS it_is")
        return bool(rows[0]["it_is"])


@asynccontextmanager
async def running(options: PostgresOptions) -> AsyncIterator[Node]:
    database = await PostgresDatabase.open(options)
    async with Writer(database.store, lambda _: None) as writer:
        yield Node(database, writer)
    await database.aclose()


async def refused(call: Awaitable[None]) -> None:
    """At once, or when the caller's deadline has come: what was cut may still arrive."""
    with pytest.raises((StorageError, TimeoutError)):
        await asyncio.wait_for(call, 1)


async def set_read_only(options: PostgresOptions, *, on: bool) -> None:
    name = urlsplit(options.url).path.removeprefix("/")
    db = await asyncpg.connect(options.url)
    await db.execute("SET default_transaction_read_only = off")
    change = "SET default_transaction_read_only = on" if on else "RESET ALL"
    await db.execute(f"ALTER DATABASE {name} {change}")
    await db.close()


async def test_a_node_that_started_read_only_writes_as_soon_as_it_may(
    options: PostgresOptions,
) -> None:
    await set_read_only(options, on=True)
    async with running(options) as node:
        await refused(node.write())
        await refused(node.writer.probe())
        assert await node.length() == 0
        await set_read_only(options, on=False)

        await node.writer.probe()
        await node.write()
        assert await node.length() == 1


async def test_a_probe_meets_what_a_write_would_meet(options: PostgresOptions) -> None:
    async with running(options) as node:
        await node.writer.probe()
        db = await asyncpg.connect(options.url)
        name = urlsplit(options.url).path.removeprefix("/")
        await set_read_only(options, on=True)
        await db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = $1 AND pid <> pg_backend_pid()",
            name,
        )
        await refused(node.writer.probe())
        await db.close()


@pytest.fixture
def primary() -> Iterator[PostgresServer]:
    server = PostgresServer()
    server.start()
    yield server
    server.remove()


@pytest.mark.parametrize("writes_meanwhile", [True, False])
async def test_a_name_that_leads_to_the_standby_for_a_moment(
    primary: PostgresServer, *, writes_meanwhile: bool
) -> None:
    url = primary.create_database("unplug")
    await migrate_postgres(url)
    standby = PostgresServer(standby_of=primary)
    standby.start()
    try:
        async with TcpProxy(primary.port) as proxy:
            through = url.replace(f":{primary.port}/", f":{proxy.port}/")
            options = PostgresOptions(url=through)
            async with running(replace(options, connect_timeout=1.0)) as node:
                await node.write()
                proxy.target_port = standby.port
                await proxy.cut_all()
                if writes_meanwhile:
                    await refused(node.write())
                await node.length()
                assert await node.reads_from_a_standby()
                proxy.target_port = primary.port

                await node.write()

                assert await node.length() == 2
                assert not await node.reads_from_a_standby()
    finally:
        standby.remove()


async def test_a_standby_that_is_behind_does_not_say_that_a_history_was_replaced(
    primary: PostgresServer,
) -> None:
    url = primary.create_database("unplug")
    await migrate_postgres(url)
    standby = PostgresServer(standby_of=primary)
    standby.start()
    try:
        async with running(PostgresOptions(url=url)) as node:
            await node.write()
            await standby_has(standby, 1)
            standby.execute("SELECT pg_wal_replay_pause()", "unplug")
            await node.write()
            first, last = await TortoiseAllEvents(node.database.client).read(None, FAR, 10)
            elsewhere = replace(last.recorded.cursor, event_id=first.recorded.event.id)

        async with running(PostgresOptions(url=standby.url("unplug"))) as behind:
            every = TortoiseAllEvents(behind.database.client)
            for read in (
                behind.log.read(last.recorded.cursor, 10),
                behind.log.read(elsewhere, 10),
                behind.log.holds(last.recorded.cursor),
                every.read(last.cursor, FAR, 10),
            ):
                with pytest.raises(StorageError):
                    await read
            assert await behind.log.moved([last.recorded.cursor]) == {}
            assert await behind.log.moved([EventCursor.start(USER)]) == {USER: 1}
            assert await behind.log.holds(first.recorded.cursor)

            standby.execute("SELECT pg_wal_replay_resume()", "unplug")
            await standby_has(standby, 2)
            assert await behind.log.read(last.recorded.cursor, 10) == []
            assert await every.read(last.cursor, FAR, 10) == []
    finally:
        standby.remove()


async def standby_has(standby: PostgresServer, events: int) -> None:
    await eventually(
        lambda: int(standby.execute("SELECT count(*) FROM provider_events", "unplug")) == events
    )
