"""Reads through the pool, when its connections fail or there are too many."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from domain.events import EventCursor
from domain.ports import StorageError
from infrastructure.database.postgres.connection import PostgresOptions
from infrastructure.database.postgres.database import PostgresDatabase
from infrastructure.database.postgres.migrate import migrate_postgres
from infrastructure.persistence.event_log import TortoiseEventLog
from infrastructure.persistence.provider_connections import TortoiseProviderConnectionRepository
from infrastructure.persistence.writer import Writer
from tests.contracts.worlds.world import active
from tests.support.ids import a_user
from tests.support.network.tcp_proxy import TcpProxy
from tests.support.servers.postgres import PostgresServer

USER = a_user(1)


@pytest.fixture
async def full_server() -> AsyncIterator[PostgresServer]:
    """One that takes twelve connections, and all but three of them are taken."""
    server = PostgresServer(connections=12)
    server.start()
    url = server.create_database("unplug")
    await migrate_postgres(url)
    strangers = [await asyncpg.connect(url) for _ in range(9)]
    yield server
    for stranger in strangers:
        await stranger.close()
    server.remove()


async def test_a_full_server_answers_as_soon_as_a_connection_of_our_own_is_free(
    full_server: PostgresServer,
) -> None:
    options = PostgresOptions(url=full_server.url("unplug"))
    database = await PostgresDatabase.open(options)

    async def read() -> None:
        await database.client.execute_query("SELECT pg_sleep(0.02)")

    await asyncio.gather(*(read() for _ in range(60)))

    await database.aclose()


async def test_a_server_that_stays_full_is_an_error_within_the_connect_timeout(
    full_server: PostgresServer,
) -> None:
    options = PostgresOptions(url=full_server.url("unplug"), connect_timeout=0.5)
    database = await PostgresDatabase.open(options)
    more = [await asyncpg.connect(options.url) for _ in range(2)]
    log = TortoiseEventLog(database.client)
    async with database.client.acquire_connection():
        began = asyncio.get_running_loop().time()
        with pytest.raises(StorageError, match="no connection left"):
            await log.read(EventCursor.start(USER), 10)
        assert 0.2 < asyncio.get_running_loop().time() - began < 2

    async with Writer(database.store, lambda _: None) as writer:
        writing = asyncio.create_task(writer.probe())
        await asyncio.sleep(0.2)
        await more[0].close()
        await writing  # it waited for the stranger's connection

    await more[1].close()
    await database.aclose()


@pytest.fixture
async def proxy(options: PostgresOptions) -> AsyncIterator[TcpProxy]:
    port = urlsplit(options.url).port
    assert port is not None
    async with TcpProxy(port) as proxy:
        yield proxy


@pytest.fixture
async def database(options: PostgresOptions, proxy: TcpProxy) -> AsyncIterator[PostgresDatabase]:
    url = options.url.replace(f":{proxy.target_port}/", f":{proxy.port}/")
    database = await PostgresDatabase.open(
        dataclasses.replace(options, url=url, statement_timeout=1.0)
    )
    yield database
    await database.aclose()


async def test_a_connection_that_leads_nowhere_holds_up_its_own_lookup_only(
    database: PostgresDatabase, proxy: TcpProxy
) -> None:
    connections = TortoiseProviderConnectionRepository(
        database.client, Writer(database.store, lambda _: None), database.revocations
    )
    first, second = active(USER), active(USER)
    await database.store.insert([first, second])
    await connections.find_by_id(first.id)
    proxy.lose_what_is_sent()
    stuck = asyncio.create_task(connections.find_by_id(first.id))
    await proxy.swallowed.wait()

    found = await asyncio.wait_for(connections.find_by_id(second.id), 2)

    assert found is not None
    assert not stuck.done()
    stuck.cancel()
