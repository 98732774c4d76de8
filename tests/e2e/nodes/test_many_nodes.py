"""Several processes on one PostgreSQL server."""

import asyncio
import random
import re
import statistics
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from cryptography.fernet import Fernet
from uuid_utils.compat import uuid7

from infrastructure.failures import ExitCode
from tests.resilience.clients.subscribers import Subscriber
from tests.resilience.population import mutation
from tests.support.processes import SECRET, Server, bearer, connection_line, running, unplug
from tests.support.servers.nats import NatsServer
from tests.support.servers.pgbouncer import PgBouncer
from tests.support.servers.postgres import PostgresServer, dump, restore
from tests.support.servers.process import free_port
from tests.support.woken import eventually

KEY = Fernet.generate_key().decode()
USER = UUID(int=1)
ROUNDS = 25
SOONER_THAN_THE_SWEEP = 0.5
GUIDE = Path(__file__).parents[3] / "docs/operators.md"
TIMEOUTS_OF_THE_GUIDE = dict(
    re.findall(r"^ALTER ROLE unplug SET (\w+) = '(\w+)';$", GUIDE.read_text(), re.MULTILINE)
)


@pytest.fixture
def database(postgres_url: str, tmp_path: Path) -> str:
    """A migrated database's URL."""
    done = unplug("migrate", cwd=tmp_path, DATABASE_URL=postgres_url)
    assert done.returncode == 0, done.stderr
    return postgres_url


@pytest.fixture
def connection_id(database: str, tmp_path: Path) -> UUID:
    """The user's."""
    connection_id = uuid7()
    (tmp_path / "connections.jsonl").write_text(connection_line(USER, connection_id))
    settings = {"DATABASE_URL": database, "CREDENTIALS_KEYS": KEY}
    done = unplug("import", "connections.jsonl", cwd=tmp_path, **settings)
    assert done.returncode == 0, done.stderr
    return connection_id


@contextmanager
def two_nodes(cwd: Path, database: str, **settings: str) -> Iterator[tuple[Server, Server]]:
    common = {"DATABASE_URL": database, "CREDENTIALS_KEYS": KEY} | settings
    with ExitStack() as stack:
        first, second = (stack.enter_context(running(cwd, "serve", **common)) for _ in range(2))
        yield first, second


@asynccontextmanager
async def following(node: Server) -> AsyncIterator[Subscriber]:
    subscriber = Subscriber(USER, "websocket", [node], random.Random(1))  # noqa: S311
    subscriber.start()
    try:
        yield subscriber
    finally:
        await subscriber.stop()


async def disconnect(node: Server, connection_id: UUID) -> str:
    headers = {"Authorization": f"Bearer {bearer(USER)}", "Content-Type": "application/json"}
    async with httpx.AsyncClient() as http:
        response = await http.post(node.graphql, content=mutation(connection_id), headers=headers)
    kind: str = response.json()["data"]["disconnectProvider"]["__typename"]
    return kind


async def get(url: str) -> httpx.Response:
    async with httpx.AsyncClient() as http:
        return await http.get(url)


def test_ten_who_migrate_at_once_do_it_once(postgres_url: str, tmp_path: Path) -> None:
    with ThreadPoolExecutor(10) as pool:
        done = list(
            pool.map(
                lambda _: unplug("migrate", cwd=tmp_path, DATABASE_URL=postgres_url), range(10)
            )
        )
    assert [each.returncode for each in done] == [0] * 10, [each.stderr for each in done]
    assert sum("0001_initial" in each.stdout for each in done) == 1


def test_an_outdated_schema_is_refused_with_what_to_do(postgres_url: str, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": postgres_url, "CREDENTIALS_KEYS": KEY, "TOKEN_SECRET": SECRET}
    done = unplug("serve", "--port", "0", cwd=tmp_path, **settings)
    assert done.returncode == ExitCode.SCHEMA_OUTDATED
    assert "unplug migrate" in done.stderr


@pytest.mark.parametrize("adapter", ["NOTIFY", "NATS"])
async def test_what_happens_on_one_node_is_seen_on_the_other_at_once(
    adapter: str,
    database: str,
    connection_id: UUID,
    tmp_path: Path,
    nats_server: NatsServer,
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    settings = {"NATS_URL": nats_server.url} if adapter == "NATS" else {}
    with two_nodes(tmp_path, database, **settings) as (here, there):
        async with following(there) as subscriber:
            assert await disconnect(here, connection_id) == "DisconnectProviderSuccess"
            await eventually(lambda: subscriber.position == 2)
            for number in range(2, ROUNDS + 2):
                assert await disconnect(here, connection_id) == "DisconnectProviderSuccess"
                await eventually(lambda last=2 * number: subscriber.position == last)  # type: ignore[misc]
    assert [position for position, _ in subscriber.received] == list(range(1, 2 * ROUNDS + 3))
    assert statistics.median(subscriber.delays[2:]) < SOONER_THAN_THE_SWEEP
    record_testsuite_property(
        f"median delay over {adapter}", statistics.median(subscriber.delays[2:])
    )


async def test_without_wake_ups_the_sweep_finds_it(
    database: str, connection_id: UUID, tmp_path: Path
) -> None:
    metrics = f"127.0.0.1:{free_port()}"
    with two_nodes(tmp_path, database, WAKE_UPS="off") as (here, _):
        settings = {"DATABASE_URL": database, "CREDENTIALS_KEYS": KEY, "WAKE_UPS": "off"}
        with running(tmp_path, "serve", METRICS_ADDRESS=metrics, **settings) as there:
            async with following(there) as subscriber:
                await disconnect(here, connection_id)
                await eventually(lambda: subscriber.position == 2)
                await disconnect(here, connection_id)
                await eventually(lambda: subscriber.position == 4)
                text = (await get(f"http://{metrics}/metrics")).text
    assert 'unplug_live_subscriptions{transport="websocket"} 1.0' in text
    missed = next(line for line in text.splitlines() if 'way="missed"} ' in line)
    assert float(missed.rpartition(" ")[2]) >= 1


async def test_a_nodes_own_commits_need_no_wake_ups(
    database: str, connection_id: UUID, tmp_path: Path
) -> None:
    settings = {"DATABASE_URL": database, "CREDENTIALS_KEYS": KEY, "WAKE_UPS": "off"}
    with running(tmp_path, "serve", **settings) as node:
        async with following(node) as subscriber:
            for number in range(1, 6):
                assert await disconnect(node, connection_id) == "DisconnectProviderSuccess"
                await eventually(lambda last=2 * number: subscriber.position == last)  # type: ignore[misc]
    assert statistics.median(subscriber.delays) < SOONER_THAN_THE_SWEEP


async def test_a_restore_under_running_nodes_ends_streams_and_mixes_no_histories(
    database: str, connection_id: UUID, tmp_path: Path
) -> None:
    older = await asyncio.to_thread(dump, database)
    with two_nodes(tmp_path, database) as (here, there):
        async with following(here) as old:
            await disconnect(here, connection_id)
            await eventually(lambda: old.position == 2)
            await asyncio.to_thread(restore, database, older)
            for node in (there, here, there):
                assert await disconnect(node, connection_id) == "DisconnectProviderSuccess"
            await eventually(lambda: "INVALID_CURSOR" in old.refusals)
            async with following(here) as new:
                await eventually(lambda: new.position == 6)
    assert [position for position, _ in old.received] == [1, 2]
    assert [position for position, _ in new.received] == list(range(1, 7))
    assert {event_id for _, event_id in old.received}.isdisjoint(
        event_id for _, event_id in new.received
    )


async def test_nodes_behind_a_transaction_pooling_proxy(
    database: str,
    connection_id: UUID,
    tmp_path: Path,
    postgres_server: PostgresServer,
    pgbouncer: PgBouncer,
) -> None:
    name = database.rpartition("/")[2]
    settings = {
        "DATABASE_THROUGH_PROXY": "on",
        "DATABASE_DIRECT_URL": database,
    }
    proxied = f"postgres://postgres@127.0.0.1:{pgbouncer.port}/{name}"
    for timeout, seconds in TIMEOUTS_OF_THE_GUIDE.items():
        postgres_server.execute(f"ALTER DATABASE {name} SET {timeout} = '{seconds}'", "postgres")
    with two_nodes(tmp_path, proxied, **settings) as (here, there):
        assert not unfit_timeouts(here)
        async with following(there) as subscriber:
            assert await disconnect(here, connection_id) == "DisconnectProviderSuccess"
            await eventually(lambda: subscriber.position == 2)
        assert (await get(f"{here.url}/readyz")).json()["status"] == "ready"


@pytest.mark.parametrize(
    "timeouts", [{}, TIMEOUTS_OF_THE_GUIDE | {"lock_timeout": "5s"}], ids=["none", "equal"]
)
def test_a_role_without_fit_timeouts_is_warned_of(
    database: str,
    tmp_path: Path,
    postgres_server: PostgresServer,
    pgbouncer: PgBouncer,
    timeouts: dict[str, str],
) -> None:
    name = database.rpartition("/")[2]
    for timeout, seconds in timeouts.items():
        postgres_server.execute(f"ALTER DATABASE {name} SET {timeout} = '{seconds}'", "postgres")
    proxied = f"postgres://postgres@127.0.0.1:{pgbouncer.port}/{name}"
    settings = {"DATABASE_THROUGH_PROXY": "on", "DATABASE_DIRECT_URL": database}
    with running(tmp_path, DATABASE_URL=proxied, **settings) as node:
        pass
    assert unfit_timeouts(node)


def unfit_timeouts(node: Server) -> bool:
    """Whether it has warned of them."""
    return "unfit_timeouts" in [entry["event"] for entry in node.log]


async def test_probes_tell_rolling_deploys_and_outages_apart(
    database: str, tmp_path: Path, postgres_server: PostgresServer
) -> None:
    name = database.rpartition("/")[2]
    nats = NatsServer()
    nats.start()
    with two_nodes(tmp_path, database, NATS_URL=nats.url) as (node, _):

        async def answer() -> tuple[int, str]:
            response = await get(f"{node.url}/readyz")
            return response.status_code, response.json()["status"]

        async def becomes(status: int, word: str) -> None:
            async with asyncio.timeout(10):
                while await answer() != (status, word):  # noqa: ASYNC110 (it is asked)
                    await asyncio.sleep(0.05)

        await becomes(200, "ready")
        nats.stop()
        await becomes(200, "degraded")
        postgres_server.execute("INSERT INTO schema_version VALUES (1000, now())", name)
        assert await answer() == (200, "degraded")
        postgres_server.execute("DELETE FROM schema_version", name)
        assert await answer() == (503, "unavailable")
        assert (await get(f"{node.url}/healthz")).status_code == 200
