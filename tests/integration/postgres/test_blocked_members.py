"""Rows that another session has locked: their own commands wait, all others go on."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from domain.commands.disconnect_provider import (
    DisconnectProvider,
    DisconnectProviderHandler,
    Outcome,
)
from domain.events import EventCursor, ProviderEvent, RecordedEvent
from domain.identifiers import UserId
from domain.ports import StorageError
from domain.provider_connection import ProviderConnection
from domain.result import Success
from infrastructure.database.members import Write
from infrastructure.database.postgres.connection import PostgresOptions
from infrastructure.database.postgres.database import PostgresDatabase
from infrastructure.persistence import open_attempts
from infrastructure.persistence.event_bus import WriterEventBus
from infrastructure.persistence.event_log import TortoiseEventLog
from infrastructure.persistence.open_attempts import OpenAttempts
from infrastructure.persistence.provider_connections import TortoiseProviderConnectionRepository
from infrastructure.persistence.writer import Writer
from tests.contracts.worlds.world import active, attempted, failed
from tests.support.ids import a_connection, a_user, an_attempt
from tests.support.network.tcp_proxy import Cut, TcpProxy

T = TypeVar("T")

LOCKED, OTHER = a_user(1), a_user(2)
BIND = b"B"  # the first byte of the message that sends a statement's parameters
SOON = 1.0
"""Seconds within which commands that need no locked row are answered."""


class Node:
    """What a node runs commands with, and a session of its own beside it."""

    def __init__(self, database: PostgresDatabase, writer: Writer, db: asyncpg.Connection) -> None:
        self.database = database
        self.writer = writer
        self.db = db
        self.others: list[ProviderConnection] = []
        connections = TortoiseProviderConnectionRepository(
            database.client, writer, database.revocations
        )
        self.bus = WriterEventBus(database.client, writer)
        self.log = TortoiseEventLog(database.client)
        self.attempts = OpenAttempts(database.store, writer, now=now, new_id=uuid7)
        self.handler = DisconnectProviderHandler(connections, self.bus, now=now, new_id=uuid7)

    async def add(self, count: int, user_id: UserId) -> list[ProviderConnection]:
        """While nothing is written."""
        connections = [active(user_id) for _ in range(count)]
        await self.database.store.insert(connections)
        return connections

    async def disconnect(self, connection: ProviderConnection) -> Outcome:
        return await self.handler.handle(
            DisconnectProvider(
                user_id=connection.user_id,
                connection_id=connection.id,
                attempt_id=an_attempt(),
            )
        )

    async def write(self, event: ProviderEvent) -> RecordedEvent:
        (recorded,) = await self.writer.write(Write(events=(event,)))
        return recorded

    @asynccontextmanager
    async def locking(self, sql: str, *values: object) -> AsyncIterator[None]:
        """While another session holds what this statement locks."""
        async with self.db.transaction():
            await self.db.execute(sql, *values)
            yield


@pytest.fixture
async def node(options: PostgresOptions) -> AsyncIterator[Node]:
    async with running(options) as node:
        yield node


@asynccontextmanager
async def running(options: PostgresOptions, direct: str | None = None) -> AsyncIterator[Node]:
    database = await PostgresDatabase.open(options)
    db = await asyncpg.connect(direct or options.url)
    async with Writer(database.store, lambda _: None) as writer:
        node = Node(database, writer, db)
        node.others = await node.add(60, OTHER)
        yield node
    await db.close()
    await database.aclose()


def now() -> datetime:
    return datetime.now(UTC)


async def timed(call: Awaitable[T]) -> tuple[T, float]:
    began = asyncio.get_running_loop().time()
    result = await call
    return result, asyncio.get_running_loop().time() - began


async def others_go_on(node: Node, while_: "asyncio.Future[Any]") -> list[float]:
    """Another user disconnects one connection after the other until something is done."""
    took = []
    for connection in node.others:
        outcome, seconds = await timed(node.disconnect(connection))
        assert isinstance(outcome, Success)
        took.append(seconds)
        if while_.done():
            return took
        await asyncio.sleep(0.05)
    return took


async def test_a_locked_connection_holds_up_its_own_commands_only(node: Node) -> None:
    (connection,) = await node.add(1, LOCKED)
    lock = "SELECT 1 FROM provider_connections WHERE id = $1 FOR UPDATE"
    async with node.locking(lock, connection.id):
        blocked = asyncio.gather(*(node.disconnect(connection) for _ in range(10)))
        took = await others_go_on(node, blocked)

    assert max(took) < SOON
    assert not any(isinstance(outcome, Success) for outcome in await blocked)
    assert isinstance(await node.disconnect(connection), Success)


async def test_a_locked_connection_that_is_asked_for_again_and_again(node: Node) -> None:
    (connection,) = await node.add(1, LOCKED)

    async def again() -> None:
        for _ in range(9):
            asyncio.create_task(node.disconnect(connection)).add_done_callback(lambda _: None)
            await asyncio.sleep(0.33)

    lock = "SELECT 1 FROM provider_connections WHERE id = $1 FOR UPDATE"
    async with node.locking(lock, connection.id):
        took = await others_go_on(node, asyncio.ensure_future(again()))

    assert max(took) < SOON
    assert sorted(took)[len(took) // 2] < SOON / 5


async def test_other_connections_of_the_same_user_go_on(node: Node) -> None:
    locked, free = await node.add(2, LOCKED)
    lock = "SELECT 1 FROM provider_connections WHERE id = $1 FOR UPDATE"
    async with node.locking(lock, locked.id):
        blocked = asyncio.create_task(node.disconnect(locked))
        await asyncio.sleep(0.5)
        outcome, seconds = await timed(node.disconnect(free))

    assert isinstance(outcome, Success)
    assert seconds < SOON
    await blocked


async def test_a_locked_head_with_abandoned_attempts_holds_up_no_others(node: Node) -> None:
    attempts = [attempted(LOCKED, a_connection()) for _ in range(8)]
    for attempt in attempts:
        await node.write(attempt)

    async def sweeps() -> None:
        for _ in range(2):
            await node.attempts.close_abandoned(timedelta(0))

    async with node.locking("SELECT 1 FROM log_heads WHERE user_id = $1 FOR UPDATE", LOCKED):
        sweeping = asyncio.ensure_future(sweeps())
        took = await others_go_on(node, sweeping)

    assert max(took) < SOON
    await sweeping
    await node.attempts.close_abandoned(timedelta(0))
    assert len(await node.log.read(EventCursor.start(LOCKED), 100)) == 16


async def test_a_locked_head_holds_up_new_attempts_of_its_user_only(node: Node) -> None:
    await node.write(attempted(LOCKED, a_connection()))
    async with node.locking("SELECT 1 FROM log_heads WHERE user_id = $1 FOR UPDATE", LOCKED):
        blocked = asyncio.gather(
            *(node.write(attempted(LOCKED, a_connection())) for _ in range(5)),
            return_exceptions=True,
        )
        took = await others_go_on(node, blocked)

    assert max(took) < SOON
    assert {type(outcome) for outcome in await blocked} == {StorageError}


async def test_a_lock_that_is_let_go_in_time_costs_nothing(node: Node) -> None:
    (connection,) = await node.add(1, LOCKED)
    lock = "SELECT 1 FROM provider_connections WHERE id = $1 FOR UPDATE"
    async with node.locking(lock, connection.id):
        blocked = asyncio.create_task(node.disconnect(connection))
        await asyncio.sleep(0.7)

    assert isinstance(await blocked, Success)


async def test_what_follows_a_blocked_attempt_stays_behind_it(node: Node) -> None:
    first, attempt = attempted(LOCKED, a_connection()), attempted(LOCKED, a_connection())
    await node.write(first)
    async with node.locking("SELECT 1 FROM log_heads WHERE user_id = $1 FOR UPDATE", LOCKED):
        begun = asyncio.create_task(node.write(attempt))
        await asyncio.sleep(0.5)
        ended = asyncio.create_task(node.write(failed(attempt)))
        await asyncio.sleep(0.2)
        assert not ended.done()

    assert ((await begun).position, (await ended).position) == (2, 3)


async def test_a_read_back_that_meets_a_lock_holds_up_no_others(options: PostgresOptions) -> None:
    port = urlsplit(options.url).port
    assert port is not None
    async with TcpProxy(port) as proxy:
        url = options.url.replace(f":{port}/", f":{proxy.port}/")
        async with running(dataclasses.replace(options, url=url), options.url) as node:
            await node.write(attempted(LOCKED, a_connection()))
            lock = "SELECT 1 FROM log_heads WHERE user_id = $1 FOR UPDATE"
            async with node.locking(lock, LOCKED):
                cuts: list[Cut] = [Cut.BEFORE]
                proxy.judge = lambda _, data: cuts.pop() if cuts and data.startswith(BIND) else None
                attempt = attempted(LOCKED, a_connection())
                in_doubt = asyncio.create_task(node.write(attempt))
                ended = asyncio.create_task(node.write(failed(attempt)))
                done = asyncio.create_task(asyncio.sleep(1.5))
                took = await others_go_on(node, done)

            assert max(took) < SOON
            assert ((await in_doubt).position, (await ended).position) == (2, 3)


async def test_a_statement_timeout_fails_the_member_that_causes_it(
    options: PostgresOptions,
) -> None:
    quick = dataclasses.replace(options, statement_timeout=0.5, lock_timeout=0.4)
    async with running(quick) as node:
        await node.db.execute(
            """
            CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN PERFORM pg_sleep(2); RETURN NEW; END $$;
            """
        )
        await node.db.execute(
            "CREATE TRIGGER dawdle BEFORE INSERT ON provider_events FOR EACH ROW"
            f" WHEN (NEW.user_id = '{LOCKED}') EXECUTE FUNCTION dawdle()"
        )
        results = await asyncio.gather(
            node.write(attempted(OTHER, a_connection())),
            node.write(attempted(LOCKED, a_connection())),
            node.write(attempted(OTHER, a_connection())),
            return_exceptions=True,
        )

    assert [type(result) for result in results] == [RecordedEvent, StorageError, RecordedEvent]


async def test_a_sweep_does_not_wait_for_a_writer_that_hangs(
    options: PostgresOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_attempts, "DEADLINE", 0.3)
    port = urlsplit(options.url).port
    assert port is not None
    async with TcpProxy(port) as proxy:
        url = options.url.replace(f":{port}/", f":{proxy.port}/")
        quick = dataclasses.replace(options, url=url, statement_timeout=1.0)
        async with running(quick, options.url) as node:
            await node.write(attempted(OTHER, a_connection()))
            proxy.lose_what_is_sent()  # on the writer's connection, and on those that are idle
            proxy.black_holes.discard(1)  # the pool's

            closed, seconds = await timed(node.attempts.close_abandoned(timedelta(0)))

            assert closed == 0
            assert seconds < SOON
