"""One run: load, faults, recovery, verdict."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.resilience.calm import ARRIVES_WITHIN, Calm, calm
from tests.resilience.clients.clients import Clients
from tests.resilience.clients.commands import FAULT
from tests.resilience.cluster import Cluster
from tests.resilience.faults.faults import Faults
from tests.resilience.faults.plan import plan
from tests.resilience.population import Population
from tests.resilience.provider import FailingProvider, end_all, judge_revocations
from tests.resilience.setups import Setup
from tests.resilience.truth import Truth, open_attempts, read_truth
from tests.resilience.verdict import Verdict, judge
from tests.resilience.webhooks import received
from tests.support.network.receiver import receiver
from tests.support.woken import eventually

CLOSES_WITHIN = 20.0


@dataclass(frozen=True, slots=True)
class Report:
    """What happened, for people to read."""

    setup: Setup
    seed: str
    commands: Counter[str]
    back_ends: Counter[str]
    faults: Counter[str]
    webhooks: tuple[int, int]
    provider: Counter[str]
    frames: int
    reconnects: int
    longest_away: float
    calm: Calm
    longest_delay: float
    exit_statuses: list[int]
    troubles: str
    verdict: Verdict

    def __str__(self) -> str:
        return (
            f"{self.setup.name}, seed {self.seed}: {_listed(self.commands)} commands;"
            f" of back ends {_listed(self.back_ends)};"
            f" faults: {_listed(self.faults)}; {self.webhooks[0]} events in {self.webhooks[1]}"
            f" requests to a webhook; of a provider {_listed(self.provider)};"
            f" {self.frames} frames over {self.reconnects} reconnects;"
            f" {self.verdict.losses} lost, {self.verdict.duplicates} doubled,"
            f" {self.verdict.disorders} out of order; longest away {self.longest_away:.1f} s,"
            f" from event to frame {self.longest_delay:.1f} s at most,"
            f" {self.calm.usual_delay * 1000:.0f} ms in three of four cases when all was well;"
            f" beside a lock {self.calm.beside_a_lock:.2f} s"
        )


async def run(setup: Setup, folder: Path, seconds: float, seed: str) -> Report:
    """Puts the promises to the test for so long."""
    population = Population.of(random.Random(f"{seed} population"))  # noqa: S311
    provider = FailingProvider(seed)
    catalogue = provider.catalogue(concurrency=20, per_second=500)
    async with (
        receiver() as there,
        _running(provider),
        Cluster(setup, folder, population, there.url, catalogue) as cluster,
    ):
        clients = Clients(cluster.nodes, population, seed)
        faults = Faults(cluster, clients, folder)
        clients.start()
        chance = random.Random(f"{seed} faults")  # noqa: S311
        try:
            await faults.run(plan(chance, setup, seconds), seconds)
            longest = clients.longest_delay()
            state = await calm(cluster, clients, folder)
            pending = await end_all(cluster, provider)
            truth = await _settle(cluster, clients, folder)
            await cluster.resume_webhooks()
            await received(there, truth, ARRIVES_WITHIN)
            credentials = await clients.back_ends.compare()
        finally:
            await clients.stop()
    verdict = judge(truth, population, clients.commands.answers, clients.subscribers)
    verdict.broken.extend([*credentials, *_operation(cluster, clients, state)])
    verdict.broken.extend([*pending, *judge_revocations(truth, provider)])
    return Report(
        setup=setup,
        seed=seed,
        commands=clients.commands.outcomes,
        back_ends=clients.back_ends.outcomes,
        faults=faults.counts,
        webhooks=(len(set(there.ids)), len(there.ids)),
        provider=provider.answered,
        frames=sum(len(each.received) for each in clients.subscribers),
        reconnects=sum(each.reconnects for each in clients.subscribers),
        longest_away=max(each.longest_away for each in clients.subscribers),
        calm=state,
        longest_delay=max(longest, clients.longest_delay()),
        exit_statuses=cluster.exit_statuses,
        troubles=cluster.troubles(),
        verdict=verdict,
    )


@contextlib.asynccontextmanager
async def _running(provider: FailingProvider) -> AsyncIterator[None]:
    with provider:
        yield


def _operation(cluster: Cluster, clients: Clients, state: Calm) -> Iterator[str]:
    """What operators expect of nodes."""
    if faults := clients.commands.outcomes[FAULT] + clients.back_ends.outcomes[FAULT]:
        yield f"{faults} operations ended in an exception that the server's log has"
    if any(cluster.exit_statuses):
        yield f"nodes that were asked to stop ended with {cluster.exit_statuses}"
    yield from state.broken(cluster.setup)


async def _settle(cluster: Cluster, clients: Clients, folder: Path) -> Truth:
    """Interrupted attempts are closed; all subscribers catch up."""
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
