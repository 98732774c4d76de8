"""Connections that break during a commit, or are held up: nothing is lost, doubled, or answered
wrongly."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from domain.events import ProviderEvent, RecordedEvent
from domain.ports import AttemptClosed
from domain.provider_connection import ProviderConnection
from infrastructure.database.members import Write, tried_again
from infrastructure.database.postgres.connection import PlainConnection, PostgresOptions
from infrastructure.database.postgres.store import PostgresStore
from infrastructure.database.store import OutcomeUnknown
from infrastructure.persistence.writer import Writer
from tests.contracts.worlds.world import active, attempted, failed, succeeded
from tests.support.ids import a_connection, a_user
from tests.support.network.tcp_proxy import Cut, TcpProxy

ALICE, BOB, CONNECTION = a_user(1), a_user(2), a_connection(3)
BIND = b"B"  # the first byte of the message that sends a statement's parameters


class Node:
    """A writer whose connection leads through a proxy, and the log as it really is."""

    def __init__(
        self, proxy: TcpProxy, store: PostgresStore, writer: Writer, db: asyncpg.Connection
    ) -> None:
        self.proxy = proxy
        self.store = store
        self.writer = writer
        self.db = db
        self.announced: list[RecordedEvent] = []

    def cut_next_commit(self, *cuts: Cut | None) -> None:
        """What becomes of the next commits; None: it goes through."""
        plan = list(cuts)

        def judge(_connection: int, data: bytes) -> Cut | None:
            return plan.pop(0) if plan and data.startswith(BIND) else None

        self.proxy.judge = judge

    async def write(
        self, event: ProviderEvent, connection: ProviderConnection | None = None
    ) -> RecordedEvent:
        (recorded,) = await self.writer.write(Write(events=(event,), connection=connection))
        return recorded

    async def log(self) -> list[tuple[int, UUID]]:
        rows = await self.db.fetch("SELECT position, id FROM provider_events ORDER BY position")
        return [tuple(row) for row in rows]


@pytest.fixture
async def node(options: PostgresOptions) -> AsyncIterator[Node]:
    port = urlsplit(options.url).port
    assert port is not None
    async with TcpProxy(port) as proxy:
        url = options.url.replace(f":{port}/", f":{proxy.port}/")
        store = PostgresStore(dataclasses.replace(options, url=url), client=None)  # type: ignore[arg-type] # it reads nothing
        announced: list[RecordedEvent] = []
        db = await asyncpg.connect(options.url)
        async with Writer(store, announced.extend) as writer:
            node = Node(proxy, store, writer, db)
            node.announced = announced
            yield node
            proxy.judge = lambda _connection, _data: None
        await store.aclose()
        await db.close()


@pytest.mark.parametrize("cut", list(Cut))
async def test_an_attempted_whose_commit_is_cut_is_recorded_once(node: Node, cut: Cut) -> None:
    before = await node.write(attempted(ALICE, CONNECTION))
    node.cut_next_commit(cut)
    attempt = attempted(ALICE, CONNECTION)

    recorded = await node.write(attempt)

    await everything_arrived()
    assert node.proxy.cuts == 1
    assert recorded == of_some_try(attempt, recorded, cut)
    assert await node.log() == [(1, before.event.id), (2, recorded.event.id)]
    assert node.announced == [before, recorded]


@pytest.mark.parametrize("cut", list(Cut))
async def test_an_outcome_whose_commit_is_cut_changes_its_row_once(node: Node, cut: Cut) -> None:
    connection, attempt = active(ALICE), attempted(ALICE, CONNECTION)
    await node.store.insert([connection])
    await node.write(attempt)
    node.cut_next_commit(cut)
    outcome = succeeded(attempt)
    disconnected = connection.mark_disconnected(outcome.occurred_at)

    recorded = await node.write(outcome, connection=disconnected)

    await everything_arrived()
    assert node.proxy.cuts == 1
    assert recorded == of_some_try(outcome, recorded, cut)
    assert [event_id for _, event_id in await node.log()] == [attempt.id, recorded.event.id]
    assert await node.db.fetchval("SELECT version FROM provider_connections") == 2


async def test_a_connection_that_fails_in_an_unknown_way_is_given_up(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    await node.write(attempted(ALICE, CONNECTION))
    broken: list[PlainConnection] = []

    async def fetch(self: PlainConnection, query: str, *arguments: object) -> object:
        if not broken:
            broken.append(self)
        if self is broken[0]:
            raise RuntimeError("the handler is closed")  # uvloop's, of a connection that looks open
        return await asyncpg.Connection.fetch(self, query, *arguments)

    monkeypatch.setattr(PlainConnection, "fetch", fetch)
    attempt = attempted(ALICE, CONNECTION)

    recorded = await node.write(attempt)

    assert recorded == of_some_try(attempt, recorded)


async def test_a_try_that_arrived_late_is_what_the_next_one_finds(node: Node) -> None:
    attempt = attempted(ALICE, CONNECTION)
    begun, ended = Write(events=(attempt,)), Write(events=(succeeded(attempt),))
    await node.store.commit([begun])
    again = tried_again(begun, uuid7)
    with pytest.raises(OutcomeUnknown):  # it collides, with what a read-back then finds
        await node.store.commit([again])
    assert await node.store.read_back([again]) == [[RecordedEvent(event=attempt, position=1)]]

    (written,) = await node.store.commit([ended])

    assert isinstance(written, list)
    (outcome,) = await node.store.commit([tried_again(ended, uuid7)])
    assert isinstance(outcome, list)
    assert [(each.event, each.position) for each in outcome] == [(ended.events[0], 2)]
    assert len(await node.log()) == 2


async def test_a_commit_that_is_cut_again_and_again(node: Node) -> None:
    node.cut_next_commit(Cut.AFTER, Cut.BEFORE, Cut.LATE, Cut.BEFORE, Cut.LATE)
    attempts = [attempted(user, CONNECTION) for user in (ALICE, BOB) for _ in range(3)]

    recorded = await asyncio.gather(*(node.write(each) for each in attempts))

    await everything_arrived()
    assert [each.position for each in recorded] == [1, 2, 3, 1, 2, 3]
    assert len(await node.log()) == 6


async def test_a_read_back_waits_for_the_commit_that_is_under_way(node: Node) -> None:
    await node.write(attempted(ALICE, CONNECTION))
    await slow_down_commits(node.db, seconds=1.0)
    node.cut_next_commit(Cut.AFTER)
    attempt = attempted(ALICE, CONNECTION)

    recorded = await node.write(attempt)

    assert recorded == RecordedEvent(event=attempt, position=2)
    assert len(await node.log()) == 2


async def test_one_who_has_waited_in_vain_leaves_no_double(node: Node) -> None:
    attempt = attempted(ALICE, CONNECTION)
    await node.write(attempt)
    node.cut_next_commit(Cut.LATE, *[Cut.BEFORE] * 100)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(node.write(succeeded(attempt)), 0.2)
    node.cut_next_commit()

    closing = await asyncio.gather(node.write(failed(attempt)), return_exceptions=True)

    await everything_arrived()
    log = await node.log()
    assert len(log) == 2
    if isinstance(closing[0], RecordedEvent):
        assert log[1][1] == closing[0].event.id
    else:
        assert isinstance(closing[0], AttemptClosed)


async def test_a_lock_that_is_held_fails_its_own_member_alone(
    node: Node, options: PostgresOptions
) -> None:
    await node.write(attempted(ALICE, CONNECTION))
    stranger = await asyncpg.connect(options.url)
    transaction = stranger.transaction()
    await transaction.start()
    await stranger.execute("SELECT 1 FROM log_heads WHERE user_id = $1 FOR UPDATE", ALICE)

    held, free = await asyncio.gather(
        node.write(attempted(ALICE, CONNECTION)),
        node.write(attempted(BOB, CONNECTION)),
        return_exceptions=True,
    )

    assert isinstance(held, Exception)
    assert isinstance(free, RecordedEvent)
    await transaction.rollback()
    await stranger.close()


def of_some_try(
    event: ProviderEvent, recorded: RecordedEvent, cut: Cut | None = None
) -> RecordedEvent:
    """The event at position 2: under its first id when its first try was written."""
    first = recorded.event.id == event.id
    assert first or cut is not Cut.AFTER
    assert not first or cut is not Cut.BEFORE
    return RecordedEvent(event=dataclasses.replace(event, id=recorded.event.id), position=2)


async def everything_arrived() -> None:
    """Until what a cut held up has come to the server: nothing observable tells when."""
    await asyncio.sleep(1.0)


async def slow_down_commits(db: asyncpg.Connection, seconds: float) -> None:
    """Each transaction that appends an event holds its locks for so long before it is visible."""
    await db.execute(
        f"""
        CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep({seconds}); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON provider_events
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dawdle();
        """
    )
