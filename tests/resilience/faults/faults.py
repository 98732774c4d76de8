"""Carries out what is planned."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.resilience.clients.clients import Clients
from tests.resilience.cluster import SLOW_COMMIT, Cluster
from tests.resilience.faults.on_database import ON_DATABASE
from tests.resilience.faults.on_history import Backups, lose_commits
from tests.resilience.faults.on_nodes import ON_NODES
from tests.resilience.faults.plan import EVENTS, Planned
from tests.support.network.tcp_proxy import Cut

BIND = b"B"
LAST = Planned(pause=0, kind="demote", node=0, lasts=1.5, cuts=())
"""Nothing after it drops the connections to the standby: nodes have to do it."""
AT_ONCE = 80
"""Commands of all users behind a restore."""
OF_LONG_AGO = 1.4
WORKS_FOR = 1.5
"""Seconds that a node is left in peace after each fault."""


class Faults:
    """They may overlap, but a node, and the database, are in one of them at a time."""

    def __init__(self, cluster: Cluster, clients: Clients, folder: Path) -> None:
        self.counts: Counter[str] = Counter()
        self._cluster = cluster
        self._clients = clients
        self._backups = Backups(cluster, folder)
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
        if self._cluster.postgres is not None:
            await self._on_database(LAST)
        await self._cluster.slow_commits(0)

    async def _carry_out(self, fault: Planned) -> None:
        match fault.kind:
            case kind if kind in ON_NODES:
                await self._on_node(fault)
            case "nats away":
                await self._nats_away(fault.lasts)
            case "cut commits":
                self._cuts.extend(fault.cuts)
            case "cut all" if self._cluster.proxy is not None:
                self.counts[fault.kind] += 1
                await self._cluster.proxy.cut_all()
            case "hang up":
                self.counts[fault.kind] += self._clients.hang_up()
            case _:
                await self._on_database(fault)

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
            await ON_NODES[fault.kind](self._cluster, self._cluster.nodes[number], fault.lasts)
            await asyncio.sleep(WORKS_FOR)
        finally:
            self._busy.discard(number)

    async def _on_database(self, fault: Planned) -> None:
        async with self._database:
            self.counts[fault.kind] += 1
            match fault.kind:
                case "slow commits":
                    await self._slow_commits(fault)
                case "back up":
                    await self._backups.back_up()
                case "restore" | "lose commits":
                    await self._replace_history(fault)
                case kind:
                    await ON_DATABASE[kind](self._cluster, fault.lasts)

    async def _replace_history(self, fault: Planned) -> None:
        """Of a moment or of long ago. The new one grows at once, often past the old one's end."""
        if fault.kind == "restore" and (fault.lasts < OF_LONG_AGO or not self._backups.there):
            await self._backups.back_up()
            await asyncio.sleep(fault.lasts / 2)
        with self._clients.another_history():
            if fault.kind == "restore":
                await self._backups.restore()
            else:
                await lose_commits(self._cluster, fault.lasts)
            await self._clients.commands.burst(AT_ONCE, self._cluster.population)

    async def _slow_commits(self, fault: Planned) -> None:
        """Commits are held up before any client can see them, and their clients are cut off."""
        await self._cluster.slow_commits(2 * SLOW_COMMIT)
        self._cuts.extend((Cut.AFTER, EVENTS[-1]) for _ in fault.cuts)
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
