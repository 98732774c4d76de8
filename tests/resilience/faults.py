"""What goes wrong, when, and for how long. The same for the same seed."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.resilience.clients import Clients
from tests.resilience.cluster import Cluster
from tests.support.network.tcp_proxy import Cut
from tests.support.processes import Server

BIND = b"B"
KINDS = (b"attempted", b"succeeded")
SLOW_COMMIT = 0.15
WORKS_FOR = 1.5
"""Seconds that a node is left in peace after each fault."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault and the pause before it, in seconds; what is done to the next commits of a kind."""

    pause: float
    kind: str
    node: int
    lasts: float
    cuts: Sequence[tuple[Cut, bytes]]


def plan(chance: random.Random, cluster: Cluster, seconds: float) -> list[Planned]:
    """Faults for so long, in a random order in which each kind comes early."""
    kinds = ["kill", "stop", "deploy", "hang up"]
    if cluster.postgres is not None:
        kinds += ["cut commits", "slow commits", "cut all", "restart database", "stop for long"]
        kinds += ["slow commits"]
    if cluster.nats is not None:
        kinds += ["nats away"]
    planned: list[Planned] = []
    total = 0.0
    while total < seconds:
        for kind in chance.sample(kinds, len(kinds)):
            pause = chance.uniform(0.3, 1.2)
            total += pause
            planned.append(
                Planned(
                    pause=pause,
                    kind=kind,
                    node=chance.randrange(cluster.setup.nodes),
                    lasts=chance.uniform(0.3, 2.0),
                    cuts=[
                        (chance.choice(list(Cut)), chance.choice(KINDS))
                        for _ in range(chance.randint(1, 4))
                    ],
                )
            )
    return planned


class Faults:
    """Carries a plan out. Faults may overlap; a node is in one of them at a time."""

    def __init__(self, cluster: Cluster, clients: Clients) -> None:
        self.counts: Counter[str] = Counter()
        self._cluster = cluster
        self._clients = clients
        self._busy: set[int] = set()
        self._carried_out: list[asyncio.Task[None]] = []
        self._cuts: list[tuple[Cut, bytes]] = []
        self._database = asyncio.Lock()
        if cluster.proxy is not None:
            cluster.proxy.judge = self._judge

    async def run(self, planned: Sequence[Planned], seconds: float) -> None:
        """For so many seconds, then waits until everything is well again."""
        end = asyncio.get_running_loop().time() + seconds
        for fault in planned:
            await asyncio.sleep(fault.pause)
            if asyncio.get_running_loop().time() > end:
                break
            self._carried_out.append(asyncio.create_task(self._carry_out(fault)))
        await asyncio.gather(*self._carried_out)
        self._cuts.clear()
        await self._cluster.slow_commits(0)

    async def _carry_out(self, fault: Planned) -> None:
        match fault.kind:
            case "kill" | "stop" | "stop for long" | "deploy":
                await self._on_node(fault)
            case "restart database":
                await self._restart_database(fault.lasts)
            case "nats away":
                await self._nats_away(fault.lasts)
            case "cut commits":
                self._cuts.extend(fault.cuts)
            case "slow commits":
                await self._slow_commits(fault)
            case "cut all" if self._cluster.proxy is not None:
                self.counts[fault.kind] += 1
                await self._cluster.proxy.cut_all()
            case "hang up":
                self.counts[fault.kind] += self._clients.hang_up()

    async def _on_node(self, fault: Planned) -> None:
        """On the node that is planned, or the next one that is well."""
        count = len(self._cluster.nodes)
        well = [n for n in range(fault.node, fault.node + count) if n % count not in self._busy]
        if not well:
            return
        number = well[0] % count
        self._busy.add(number)
        self.counts[fault.kind] += 1
        try:
            await _ON_NODE[fault.kind](self._cluster, self._cluster.nodes[number], fault.lasts)
            await asyncio.sleep(WORKS_FOR)
        finally:
            self._busy.discard(number)

    async def _restart_database(self, lasts: float) -> None:
        server = self._cluster.postgres
        if server is None or self._database.locked():
            return
        async with self._database:
            self.counts["restart database"] += 1
            await asyncio.to_thread(server.stop, crash=lasts > 1)
            await asyncio.sleep(lasts / 2)
            await asyncio.to_thread(server.start)

    async def _slow_commits(self, fault: Planned) -> None:
        """Commits are held up before anybody can see them, and their clients are cut off."""
        if self._database.locked():
            return
        async with self._database:
            self.counts["slow commits"] += 1
            await self._cluster.slow_commits(2 * SLOW_COMMIT)
            self._cuts.extend((Cut.AFTER, KINDS[-1]) for _ in fault.cuts)
            await asyncio.sleep(fault.lasts)
            await self._cluster.slow_commits(0)

    async def _nats_away(self, lasts: float) -> None:
        server = self._cluster.nats
        if server is None or not server.running:
            return
        self.counts["nats away"] += 1
        server.stop()
        await asyncio.sleep(lasts)
        await asyncio.to_thread(server.start)

    def _judge(self, _connection: int, data: bytes) -> Cut | None:
        for number, (cut, kind) in enumerate(self._cuts if data.startswith(BIND) else ()):
            if kind in data:
                del self._cuts[number]
                self.counts[f"commit cut {cut.name.lower()}"] += 1
                return cut
        return None


async def _kill(cluster: Cluster, node: Server, lasts: float) -> None:
    async with in_mid_commit(cluster):
        await asyncio.to_thread(node.kill)
    await asyncio.sleep(lasts / 2)
    await cluster.restart(node)


async def _deploy(cluster: Cluster, node: Server, _lasts: float) -> None:
    cluster.exit_statuses.append(await asyncio.to_thread(node.stop))
    await cluster.restart(node)


async def _stop(cluster: Cluster, node: Server, lasts: float) -> None:
    async with in_mid_commit(cluster):
        node.signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(1 + lasts)
    finally:
        node.signal(signal.SIGCONT)


async def _stop_for_long(cluster: Cluster, node: Server, lasts: float) -> None:
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


_ON_NODE: dict[str, Callable[[Cluster, Server, float], Awaitable[None]]] = {
    "kill": _kill,
    "deploy": _deploy,
    "stop": _stop,
    "stop for long": _stop_for_long,
}
