"""One run: load, faults, recovery, verdict."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.resilience.clients import Clients
from tests.resilience.cluster import Cluster
from tests.resilience.faults import Faults, plan
from tests.resilience.population import Population
from tests.resilience.setups import Setup
from tests.resilience.truth import Truth, open_attempts, read_truth
from tests.resilience.verdict import Verdict, judge
from tests.support.processes import Server
from tests.support.woken import eventually

CLOSES_WITHIN = 20.0
ARRIVES_WITHIN = 20.0
READY_WITHIN = 60.0
CALM_BURST = 60
CALM_SINGLES = 8
CALM_PAUSE = 0.35
CALM_COMMIT = 0.1
SOONER_THAN_THE_SWEEP = 0.5


@dataclass(frozen=True, slots=True)
class Calm:
    """How nodes work after everything that broke was mended."""

    answers: Counter[str]
    usual_delay: float


@dataclass(frozen=True, slots=True)
class Report:
    """What happened, for people to read."""

    setup: Setup
    seed: str
    commands: Counter[str]
    faults: Counter[str]
    frames: int
    reconnects: int
    longest_away: float
    calm: Calm
    longest_delay: float
    exit_statuses: list[int]
    verdict: Verdict

    def __str__(self) -> str:
        return (
            f"{self.setup.name}, seed {self.seed}: {_listed(self.commands)} commands;"
            f" faults: {_listed(self.faults)}; {self.frames} frames over {self.reconnects}"
            f" reconnects; {self.verdict.losses} lost, {self.verdict.duplicates} doubled,"
            f" {self.verdict.disorders} out of order; longest away {self.longest_away:.1f} s,"
            f" from event to frame {self.longest_delay:.1f} s at most,"
            f" {self.calm.usual_delay * 1000:.0f} ms in three of four cases when all was well again"
        )


async def run(setup: Setup, folder: Path, seconds: float, seed: str) -> Report:
    """Puts the promises to the test for so long."""
    population = Population.of(random.Random(f"{seed} population"))  # noqa: S311
    async with Cluster(setup, folder, population) as cluster:
        clients = Clients(cluster.nodes, population, seed)
        faults = Faults(cluster, clients)
        clients.start()
        chance = random.Random(f"{seed} faults")  # noqa: S311
        try:
            await faults.run(plan(chance, cluster, seconds), seconds)
            longest = clients.longest_delay()
            calm = await _calm(cluster, clients, folder)
            truth = await _settle(cluster, clients, folder)
        finally:
            await clients.stop()
    verdict = judge(truth, clients.commands.answers, clients.subscribers)
    verdict.broken.extend(_operation(cluster, calm))
    return Report(
        setup=setup,
        seed=seed,
        commands=clients.commands.outcomes,
        faults=faults.counts,
        frames=sum(len(each.received) for each in clients.subscribers),
        reconnects=sum(each.reconnects for each in clients.subscribers),
        longest_away=max(each.longest_away for each in clients.subscribers),
        calm=calm,
        longest_delay=max(longest, clients.longest_delay()),
        exit_statuses=cluster.exit_statuses,
        verdict=verdict,
    )


async def _calm(cluster: Cluster, clients: Clients, folder: Path) -> Calm:
    """A burst of commands when all is well again, and then a few, one by one.

    Commits are slow, so that whoever does not wait for them is found out.
    """
    await clients.commands.pause()
    for node in cluster.nodes:
        await _ready(node)
    await cluster.slow_commits(CALM_COMMIT)
    answers = await clients.commands.burst(CALM_BURST)
    truth = await asyncio.to_thread(read_truth, cluster, folder)
    await clients.catch_up(truth.heads, ARRIVES_WITHIN)
    clients.forget_delays()
    for _ in range(CALM_SINGLES):
        answers += await clients.commands.burst(1)
        await asyncio.sleep(CALM_PAUSE)
    await cluster.slow_commits(0)
    return Calm(answers, clients.usual_delay())


async def _ready(node: Server) -> None:
    async with asyncio.timeout(READY_WITHIN), httpx.AsyncClient() as http:
        while not await _is_ready(http, node):  # noqa: ASYNC110 (it is asked)
            await asyncio.sleep(0.1)


async def _is_ready(http: httpx.AsyncClient, node: Server) -> bool:
    try:
        return (await http.get(f"{node.url}/readyz")).status_code == 200
    except httpx.HTTPError:
        return False


def _operation(cluster: Cluster, calm: Calm) -> Iterator[str]:
    """What operators expect of nodes."""
    if any(cluster.exit_statuses):
        yield f"nodes that were asked to stop ended with {cluster.exit_statuses}"
    if set(calm.answers) - {"DisconnectProviderSuccess", "ConnectionNotFound"}:
        yield f"when all was well again, {_listed(calm.answers)} was answered"
    if cluster.setup.wake_ups and calm.usual_delay > SOONER_THAN_THE_SWEEP:
        yield f"when all was well again, events took {calm.usual_delay:.2f} s: no wake-up came"


async def _settle(cluster: Cluster, clients: Clients, folder: Path) -> Truth:
    """What was interrupted is closed; everybody catches up."""
    if cluster.postgres is None:
        # A start closes what the process before it has left open.
        node = cluster.nodes[0]
        await asyncio.to_thread(node.kill)
        await cluster.restart(node)
    await cluster.age_attempts()
    with contextlib.suppress(TimeoutError):
        await eventually(lambda: open_attempts(cluster, folder) == 0, within=CLOSES_WITHIN)
    truth = await asyncio.to_thread(read_truth, cluster, folder)
    await clients.catch_up(truth.heads, ARRIVES_WITHIN)
    return await asyncio.to_thread(read_truth, cluster, folder)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "no"
