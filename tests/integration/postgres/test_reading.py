"""Reads through the pool, when its connections fail or there are too many."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from infrastructure.database.postgres.connection import PostgresOptions
from infrastructure.database.postgres.database import PostgresDatabase
from infrastructure.persistence.provider_connections import TortoiseProviderConnectionRepository
from infrastructure.persistence.writer import Writer
from tests.contracts.worlds.world import active
from tests.support.ids import a_user
from tests.support.network.tcp_proxy import TcpProxy

USER = a_user(1)


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
        database.client, Writer(database.store, lambda _: None)
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
