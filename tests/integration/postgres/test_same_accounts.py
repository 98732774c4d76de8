"""Sessions that insert the same accounts or attempts at once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from domain.events import ProviderConnected
from domain.identifiers import AttemptId, ConnectionId, EventId
from domain.ports import AttemptRecorded, ConcurrentUpdate
from domain.provider_connection import ProviderConnection
from infrastructure.database.members import Write
from infrastructure.database.postgres.connection import PostgresOptions
from infrastructure.database.postgres.database import PostgresDatabase
from tests.contracts.worlds.world import NOW, PROVIDER, active
from tests.support.ids import a_user, an_attempt

ALICE = a_user(1)
ADD = (
    "INSERT INTO provider_connections (id, user_id, provider_id, provider_slug, status,"
    " provider_account_id, credential_type, encrypted_credentials, created_at, updated_at, version)"
    " VALUES ($1, $2, $3, $4, 'active', $5, 'oauth2', 'x', now(), now(), 1)"
)
RECORD = (
    "INSERT INTO provider_events (id, user_id, position, kind, occurred_at, connection_id,"
    " attempt_id, provider_id, provider_slug, created)"
    " VALUES ($1, $2, 1, 'connected', $3, $4, $5, $6, 'schwab', true)"
)
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


def connections(accounts: Sequence[str]) -> list[ProviderConnection]:
    """In order of their ids."""
    return [
        replace(active(ALICE), id=ConnectionId(uuid7()), provider_account_id=account)
        for account in accounts
    ]


def add(connection: ProviderConnection, attempt_id: AttemptId | None = None) -> Write:
    connected = ProviderConnected(
        id=EventId(uuid7()),
        occurred_at=NOW,
        user_id=connection.user_id,
        connection_id=connection.id,
        attempt_id=attempt_id or an_attempt(),
        provider=PROVIDER,
        created=True,
    )
    return Write(events=(connected,), connection=connection, is_new=True)


@pytest.fixture
async def database(options: PostgresOptions) -> AsyncIterator[PostgresDatabase]:
    database = await PostgresDatabase.open(options)
    yield database
    await database.aclose()


@pytest.fixture
async def other(options: PostgresOptions) -> AsyncIterator[asyncpg.Connection]:
    """Another session, which waits for no row."""
    session = await asyncpg.connect(options.url, server_settings={"lock_timeout": "1ms"})
    yield session
    await session.close()


async def insert(session: asyncpg.Connection, account: str) -> None:
    (connection,) = connections([account])
    slug, provider_id = connection.provider_slug, connection.provider_id
    await session.execute(ADD, connection.id, ALICE, provider_id, slug, account)


async def waits(session: asyncpg.Connection) -> None:
    async with asyncio.timeout(5):
        while not await session.fetchval(WAITING):
            pass


async def test_commits_hold_no_account_behind_the_one_that_they_wait_for(
    database: PostgresDatabase, other: asyncpg.Connection
) -> None:
    async with other.transaction():
        await insert(other, "account-1")
        writes = [add(connection) for connection in connections(["account-2", "account-1"])]
        commit = asyncio.create_task(database.store.commit(writes))
        await waits(other)
        await insert(other, "account-2")

    assert [type(outcome) for outcome in await commit] == [ConcurrentUpdate, ConcurrentUpdate]


async def test_imports_hold_no_account_behind_the_one_that_they_wait_for(
    database: PostgresDatabase, other: asyncpg.Connection
) -> None:
    async with other.transaction():
        await insert(other, "account-1")
        lines = connections(["account-2", "account-1"])
        importing = asyncio.create_task(database.store.insert(lines))
        await waits(other)
        await insert(other, "account-2")

    assert await importing == 0


async def test_attempt_that_another_session_records_meanwhile_is_refused_alone(
    database: PostgresDatabase, other: asyncpg.Connection
) -> None:
    attempt_id = an_attempt()
    async with other.transaction():
        await other.execute(RECORD, uuid7(), a_user(2), NOW, uuid7(), attempt_id, PROVIDER.id)
        first, second = connections(["account-1", "account-2"])
        commit = asyncio.create_task(database.store.commit([add(first), add(second, attempt_id)]))
        await waits(other)

    accepted, refused = await commit
    assert isinstance(accepted, list)
    assert isinstance(refused, AttemptRecorded)
