"""Nodes that are killed, stopped and replaced."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from tests.resilience.cluster import SLOW_COMMIT, Cluster
from tests.support.processes import Server


async def kill(cluster: Cluster, node: Server, lasts: float) -> None:
    """`kill -9`, and a start a moment later."""
    async with in_mid_commit(cluster):
        await asyncio.to_thread(node.kill)
    await asyncio.sleep(lasts / 2)
    await cluster.restart(node)


async def deploy(cluster: Cluster, node: Server, _lasts: float) -> None:
    """SIGTERM, and a start at once."""
    cluster.exit_statuses.append(await asyncio.to_thread(node.stop))
    await cluster.restart(node)


async def stop(cluster: Cluster, node: Server, lasts: float) -> None:
    """The process stands still for a moment."""
    async with in_mid_commit(cluster):
        node.signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(1 + lasts)
    finally:
        node.signal(signal.SIGCONT)


async def stop_for_long(cluster: Cluster, node: Server, lasts: float) -> None:
    """So long that other nodes take it for dead and close its attempts; then it wakes up."""
    async with in_mid_commit(cluster):
        node.signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(4 * SLOW_COMMIT)
        await cluster.age_attempts()
        await asyncio.sleep(3 + lasts)
    finally:
        node.signal(signal.SIGCONT)


@asynccontextmanager
async def in_mid_commit(cluster: Cluster) -> AsyncIterator[None]:
    """Commits take so long that some are under way on every node."""
    await cluster.slow_commits(SLOW_COMMIT)
    await asyncio.sleep(2 * SLOW_COMMIT)
    yield
    await cluster.slow_commits(0)


ON_NODES: Mapping[str, Callable[[Cluster, Server, float], Awaitable[None]]] = {
    "kill": kill,
    "deploy": deploy,
    "stop": stop,
    "stop for long": stop_for_long,
}
"""Each leaves the node as well as it was."""
