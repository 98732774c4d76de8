"""The ports over PostgreSQL. In a pytest process of its own: Tortoise can do one dialect in one."""

import asyncio
import os
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from domain.provider_connection import ProviderConnection
from infrastructure.database.postgres.connection import PostgresOptions
from infrastructure.database.postgres.database import PostgresDatabase
from infrastructure.database.postgres.migrate import migrate_postgres
from infrastructure.persistence.all_events import TortoiseAllEvents
from infrastructure.persistence.event_bus import WriterEventBus
from infrastructure.persistence.event_log import TortoiseEventLog
from infrastructure.persistence.pending_revocations import QueuedRevocations
from infrastructure.persistence.provider_connections import TortoiseProviderConnectionRepository
from infrastructure.persistence.stored_credentials import TortoiseStoredCredentials
from infrastructure.persistence.writer import Writer
from tests.contracts.worlds.world import World
from tests.support.servers.postgres import dump, restore

SERVER = "TEST_POSTGRES_URL"
"""An environment variable: where the server's own database is."""

PROXY = "TEST_POSTGRES_PROXY_PORT"
"""An environment variable: the port of a proxy that pools transactions, if it is to be used."""


class PostgresWorld(World):
    """In a database of its own."""

    def __init__(self, database: PostgresDatabase, name: str) -> None:
        self._database = database
        self._name = name
        self._writer = Writer(database.store, self.committed)
        self.connections = TortoiseProviderConnectionRepository(
            database.client, self._writer, database.revocations
        )
        self.bus = WriterEventBus(database.client, self._writer)
        self.log = self.heads = TortoiseEventLog(database.client)
        self.all_events = TortoiseAllEvents(database.client)
        self.credentials = TortoiseStoredCredentials(database.client, database.store)
        self.queue = database.revocations
        self.revocations = QueuedRevocations(database.revocations, self._writer)

    @classmethod
    async def open(cls, folder: Path) -> "PostgresWorld":  # noqa: ARG003 (needs none)
        name = await create_database()
        options = postgres_options(name)
        await migrate_postgres(options.url)
        world = cls(await PostgresDatabase.open(options), name)
        await world._writer.__aenter__()
        return world

    async def add(self, *connections: ProviderConnection) -> None:
        await self._database.store.insert(connections)

    async def back_up(self) -> None:
        self._backup = await asyncio.to_thread(dump, self._url)

    async def restore(self) -> None:
        await asyncio.to_thread(restore, self._url, self._backup)

    @property
    def _url(self) -> str:
        return f"{os.environ[SERVER].rpartition('/')[0]}/{self._name}"

    async def aclose(self) -> None:
        await self._writer.__aexit__()
        await self._database.aclose()
        await drop_database(self._name)


def postgres_options(name: str) -> PostgresOptions:
    """How to reach a database."""
    server = urlsplit(os.environ[SERVER])
    proxy = os.environ.get(PROXY)
    port = proxy or server.port
    url = f"postgres://{server.username}@{server.hostname}:{port}/{name}"
    return PostgresOptions(url=url, through_proxy=proxy is not None)


async def create_database() -> str:
    """Makes an empty one and returns its name."""
    name = f"test_{uuid4().hex}"
    await administer(f"CREATE DATABASE {name}")
    return name


async def drop_database(name: str) -> None:
    await administer(f"DROP DATABASE {name} WITH (FORCE)")


async def administer(sql: str) -> None:
    connection = await asyncpg.connect(os.environ[SERVER])
    await connection.execute(sql)
    await connection.close()
