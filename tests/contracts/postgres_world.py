"""The ports over PostgreSQL. In a pytest process of its own: Tortoise can do one dialect in one."""

import os
from pathlib import Path
from uuid import uuid4

import asyncpg

from domain.provider_connection import ProviderConnection
from infrastructure.event_bus import WriterEventBus
from infrastructure.event_log import TortoiseEventLog
from infrastructure.migrate_postgres import migrate_postgres
from infrastructure.postgres_connection import PostgresOptions
from infrastructure.postgres_database import PostgresDatabase
from infrastructure.provider_connections import TortoiseProviderConnectionRepository
from infrastructure.writer import Writer
from tests.contracts.world import World

SERVER = "UNPLUG_TESTS_POSTGRES"
"""An environment variable: the URL of a server's own database."""


class PostgresWorld(World):
    """In a database of its own."""

    def __init__(self, database: PostgresDatabase, name: str) -> None:
        self._database = database
        self._name = name
        self._writer = Writer(database.store, lambda _: None)
        self._writer.start()
        self.connections = TortoiseProviderConnectionRepository(database.client, self._writer)
        self.bus = WriterEventBus(self._writer)
        self.log = self.heads = TortoiseEventLog(database.client)

    @classmethod
    async def open(cls, folder: Path) -> "PostgresWorld":  # noqa: ARG003 (needs none)
        name = f"contract_{uuid4().hex}"
        await administer(f"CREATE DATABASE {name}")
        url = os.environ[SERVER].rpartition("/")[0] + f"/{name}"
        await migrate_postgres(url)
        return cls(await PostgresDatabase.open(PostgresOptions(url=url)), name)

    async def add(self, *connections: ProviderConnection) -> None:
        await self._database.store.insert(connections)

    async def aclose(self) -> None:
        await self._writer.aclose()
        await self._database.aclose()
        await administer(f"DROP DATABASE {self._name} WITH (FORCE)")


async def administer(sql: str) -> None:
    connection = await asyncpg.connect(os.environ[SERVER])
    await connection.execute(sql)
    await connection.close()
