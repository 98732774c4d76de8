"""How nodes work after everything that broke was mended."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.resilience.clients.clients import Clients
from tests.resilience.cluster import Cluster
from tests.resilience.setups import Setup
from tests.resilience.truth import read_truth
from tests.support.processes import Server

ARRIVES_WITHIN = 20.0
READY_WITHIN = 60.0
BURST = 60
SINGLES = 8
PAUSE = 0.35
SLOW_COMMIT = 0.1
LOCKED_FOR = 4.0
ON_LOCKED_ROWS = 10
AT_ONCE = 3
SOONER_THAN_THE_SWEEP = 0.5
BESIDE_A_LOCK_WITHIN = 1.0
USUAL = {"DisconnectProviderSuccess", "ConnectionNotFound"}


@dataclass(frozen=True, slots=True)
class Calm:
    """What was answered; seconds from an event to its frame in three of four cases; and the
    slowest command, in seconds, of other users while one user's rows were locked."""

    answers: Counter[str]
    usual_delay: float
    beside_a_lock: float

    def broken(self, setup: Setup) -> Iterator[str]:
        """What operators expect, and is not so."""
        if set(self.answers) - USUAL:
            yield f"when all was well again, {dict(self.answers)} was answered"
        if setup.wake_ups and self.usual_delay > SOONER_THAN_THE_SWEEP:
            yield f"when all was well again, events took {self.usual_delay:.2f} s: no wake-up came"
        if self.beside_a_lock > BESIDE_A_LOCK_WITHIN:
            yield f"one user's locked rows made another's command take {self.beside_a_lock:.2f} s"


async def calm(cluster: Cluster, clients: Clients, folder: Path) -> Calm:
    """A burst of commands when all is well again, a few one by one, and a few beside a lock.

    Commits are slow at first, so that a node that does not wait for them is found out.
    """
    await asyncio.gather(clients.commands.pause(), clients.back_ends.pause())
    for node in cluster.nodes:
        await _ready(node)
    await cluster.slow_commits(SLOW_COMMIT)
    answers, _ = await asyncio.gather(clients.commands.burst(BURST), clients.back_ends.burst(BURST))
    truth = await asyncio.to_thread(read_truth, cluster, folder)
    await clients.catch_up(truth.heads, ARRIVES_WITHIN)
    clients.forget_delays()
    for _ in range(SINGLES):
        answers += await clients.commands.burst(1)
        await asyncio.sleep(PAUSE)
    await cluster.slow_commits(0)
    usual_delay = clients.usual_delay()
    if cluster.postgres is None:
        return Calm(answers, usual_delay, beside_a_lock=0)
    others, slowest = await _beside_a_lock(cluster, clients)
    return Calm(answers + others, usual_delay, beside_a_lock=slowest)


async def _beside_a_lock(cluster: Cluster, clients: Clients) -> tuple[Counter[str], float]:
    """What other users are answered while one user's rows are locked, and the slowest answer."""
    locked, *others = cluster.population.users
    lock = asyncio.create_task(cluster.lock(locked, LOCKED_FOR))
    await asyncio.sleep(PAUSE)
    blocked = asyncio.create_task(
        clients.commands.burst(ON_LOCKED_ROWS, cluster.population.only([locked]))
    )
    answered, counts = len(clients.commands.answers), Counter[str]()
    while not lock.done():
        counts += await clients.commands.burst(AT_ONCE, cluster.population.only(others))
    await asyncio.gather(lock, blocked)
    answers = clients.commands.answers[answered:]
    return counts, max(answer.seconds for answer in answers if answer.user_id != locked)


async def _ready(node: Server) -> None:
    async with asyncio.timeout(READY_WITHIN), httpx.AsyncClient() as http:
        while not await _is_ready(http, node):  # noqa: ASYNC110 (it is asked)
            await asyncio.sleep(0.1)


async def _is_ready(http: httpx.AsyncClient, node: Server) -> bool:
    try:
        return (await http.get(f"{node.url}/readyz")).status_code == 200
    except httpx.HTTPError:
        return False
