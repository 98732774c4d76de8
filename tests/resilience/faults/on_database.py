"""A database that is away, full, read-only, or locked by another process."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack

import asyncpg

from tests.resilience.cluster import Cluster
from tests.support.servers.postgres import PostgresServer


async def restart(cluster: Cluster, lasts: float) -> None:
    """PostgreSQL stops, at times without a word, and comes back."""
    server = postgres(cluster)
    await asyncio.to_thread(server.stop, crash=lasts > 1)
    await asyncio.sleep(lasts / 2)
    await asyncio.to_thread(server.start)


async def read_only(cluster: Cluster, lasts: float) -> None:
    """An operator sets `default_transaction_read_only`, and takes it back."""
    await cluster.configure(default_transaction_read_only="on")
    await asyncio.sleep(lasts)
    await cluster.configure(default_transaction_read_only=None)


async def demote(cluster: Cluster, lasts: float) -> None:
    """The server's name leads to a standby for a moment. Connections to the standby stay open."""
    assert cluster.proxy is not None
    standby = await cluster.standby()
    cluster.proxy.target_port = standby.port
    await cluster.proxy.cut_all()
    await asyncio.sleep(lasts)
    cluster.proxy.target_port = postgres(cluster).port


async def lock_rows(cluster: Cluster, lasts: float) -> None:
    """An open transaction holds all rows of one user; on SQLite, the whole file."""
    await cluster.lock(cluster.population.users[0], 1 + lasts)


async def fill_connections(cluster: Cluster, lasts: float) -> None:
    """Others take all connections while the nodes' own are cut."""
    assert cluster.proxy is not None
    with ExitStack() as stack:
        await cluster.proxy.cut_all()
        try:
            while True:
                connection = await asyncpg.connect(postgres(cluster).url("postgres"))
                stack.callback(connection.terminate)  # a busy server takes its time to say good-bye
        except (asyncpg.TooManyConnectionsError, OSError):
            await asyncio.sleep(lasts)


def postgres(cluster: Cluster) -> PostgresServer:
    """Of a set-up that has one."""
    assert cluster.postgres is not None
    return cluster.postgres


ON_DATABASE: Mapping[str, Callable[[Cluster, float], Awaitable[None]]] = {
    "restart database": restart,
    "read-only": read_only,
    "demote": demote,
    "lock rows": lock_rows,
    "fill connections": fill_connections,
}
"""One at a time. Each leaves the database as well as it was."""
