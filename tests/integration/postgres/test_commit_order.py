"""The order of all users' events: overlapping commits, a move of the database, old events."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import chain
from uuid import UUID, uuid4

import asyncpg
import pytest

from infrastructure.database.members import Write
from infrastructure.database.migrate import migrations
from infrastructure.database.postgres.connection import PostgresOptions
from infrastructure.database.postgres.database import PostgresDatabase
from infrastructure.database.postgres.migrate import migrate_postgres
from infrastructure.database.postgres.store import PostgresStore
from infrastructure.persistence.all_events import TortoiseAllEvents
from tests.contracts.worlds.world import attempted
from tests.support import version_1
from tests.support.ids import a_connection, a_user
from tests.support.servers.postgres import PostgresServer, dump, restore

CONNECTION = a_connection(2)
BURN_IDS = """
DO $$ BEGIN
    FOR i IN 1..3000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP;
END $$
"""


class Node:
    """Commits events and reads all of them."""

    def __init__(self, database: PostgresDatabase) -> None:
        self.database = database
        self.events = TortoiseAllEvents(database.client)

    async def commit(self, store: PostgresStore | None = None) -> UUID:
        """Returns the event's id."""
        event = attempted(a_user(), CONNECTION)
        await (store or self.database.store).commit([Write(events=(event,))])
        return event.id

    async def ids(self) -> list[UUID]:
        horizon = await self.events.horizon()
        page = await self.events.read(None, horizon.settled, 1_000)
        return [item.recorded.event.id for item in page]


@asynccontextmanager
async def opened(options: PostgresOptions) -> AsyncIterator[Node]:
    database = await PostgresDatabase.open(options)
    try:
        yield Node(database)
    finally:
        await database.aclose()


@pytest.fixture
async def node(options: PostgresOptions) -> AsyncIterator[Node]:
    async with opened(options) as node:
        yield node


@pytest.fixture
async def operator(options: PostgresOptions) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(options.url)
    yield connection
    await connection.close()


async def test_what_commits_late_is_not_passed_by(node: Node, operator: asyncpg.Connection) -> None:
    first = await node.commit()
    late = operator.transaction()
    await late.start()
    found = await operator.fetchrow("SELECT * FROM provider_events")
    assert found is not None
    row = dict(found)
    del row["commit_order"]
    row |= {"id": uuid4(), "user_id": uuid4(), "attempt_id": uuid4()}
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    insert = f"INSERT INTO provider_events ({', '.join(row)}) VALUES ({places})"  # noqa: S608
    await operator.execute(insert, *row.values())
    after = await node.commit()

    horizon = await node.events.horizon()
    assert horizon.settled < horizon.begun
    assert await node.ids() == [first]

    await late.commit()
    assert await node.ids() == [first, row["id"], after]


async def test_a_reader_beside_busy_nodes_misses_nothing(
    node: Node, options: PostgresOptions
) -> None:
    stores = [PostgresStore(options, node.database.client) for _ in range(3)]

    async def write(store: PostgresStore) -> list[UUID]:
        return [await node.commit(store) for _ in range(100)]

    async def read() -> list[UUID]:
        seen: list[UUID] = []
        after = None
        while len(seen) < 300:
            horizon = await node.events.horizon()
            for item in await node.events.read(after, horizon.settled, 50):
                seen.append(item.recorded.event.id)
                after = item.cursor
        return seen

    async with asyncio.timeout(60):
        seen, *written = await asyncio.gather(read(), *map(write, stores))
    for store in stores:
        await store.aclose()
    assert sorted(seen) == sorted(chain.from_iterable(written))
    assert await node.ids() == seen


@pytest.fixture
def servers() -> Iterator[tuple[PostgresServer, PostgresServer]]:
    """Two; transaction ids of the first have come further."""
    both = PostgresServer(), PostgresServer()
    for server in both:
        server.start()
    both[0].execute(BURN_IDS, "postgres")
    yield both
    for server in both:
        server.remove()


async def test_a_move_to_a_server_with_lower_ids_keeps_the_order(
    servers: tuple[PostgresServer, PostgresServer],
) -> None:
    here, there = (server.create_database("unplug") for server in servers)
    await migrate_postgres(here)
    async with opened(PostgresOptions(url=here)) as node:
        old = [await node.commit() for _ in range(3)]
        horizon = await node.events.horizon()
        last = (await node.events.read(None, horizon.settled, 10))[-1].cursor

    restore(there, dump(here))

    async with opened(PostgresOptions(url=there)) as node:
        assert await node.ids() == old
        store = PostgresStore(PostgresOptions(url=there), node.database.client)
        first = await asyncio.gather(node.commit(), node.commit(store))
        new = [*first, await node.commit()]
        await store.aclose()
        horizon = await node.events.horizon()
        rest = await node.events.read(last, horizon.settled, 10)
        ids = [item.recorded.event.id for item in rest]
        assert (set(ids), ids[-1]) == (set(new), new[-1])
        assert await node.ids() == old + ids


async def test_events_of_version_1_get_an_order_that_later_commits_continue(
    empty: PostgresOptions,
) -> None:
    connection = await asyncpg.connect(empty.url)
    await connection.execute(migrations("postgres")[0].sql)
    await connection.execute("INSERT INTO schema_version VALUES (1, now())")
    await connection.copy_records_to_table(
        "provider_events", records=version_1.rows(), columns=version_1.COLUMNS
    )

    await migrate_postgres(empty.url)

    async with opened(empty) as node:
        new = await node.commit()
        assert await node.ids() == [*(UUID(int=number) for number in version_1.IN_ORDER), new]
    for statement in ("UPDATE provider_events SET position = 9", "DELETE FROM provider_events"):
        with pytest.raises(asyncpg.RaiseError, match="can only grow"):
            await connection.execute(statement)
    await connection.close()
