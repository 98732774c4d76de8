"""Commands of the same connections at once, and repeated commands."""

import asyncio
import functools
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from uuid_utils.compat import uuid7

from tests.resilience.clients.back_ends import CONNECT, PROVIDER, BackEnds, credentials
from tests.resilience.clients.commands import Commands
from tests.resilience.cluster import Cluster
from tests.resilience.population import SERVED_PER_USER, Population
from tests.resilience.setups import SETUPS, Setup
from tests.resilience.truth import open_attempts, read_truth
from tests.resilience.verdict import judge
from tests.support.woken import eventually

CONNECTIONS = 510
RACED_AT_ONCE = 20
"""With five commands each, as many as the client has sockets for."""
ANSWERS_BETWEEN_KILLS = 150
STORM = 100
DISCONNECT = """mutation ($input: ServiceDisconnectProviderInput!) {
  result: disconnectProvider(input: $input) { __typename
    ... on DisconnectProviderSuccess { attemptId cursor connection { id status } } } }"""

SQLITE, POSTGRES = SETUPS[:2]


@pytest.mark.parametrize("setup", [SQLITE, POSTGRES], ids=lambda setup: setup.name)
async def test_a_disconnection_is_final_whatever_races_with_it(
    setup: Setup, tmp_path: Path, resilience_seed: str
) -> None:
    chance = random.Random(resilience_seed)  # noqa: S311
    population = some_users(CONNECTIONS // SERVED_PER_USER)
    async with Cluster(setup, tmp_path, population) as cluster:
        back_ends = BackEnds(cluster.nodes, population, chance)
        commands = Commands(cluster.nodes, population, chance)
        answered = back_ends.outcomes, commands.outcomes
        racing = asyncio.create_task(race(population, back_ends, commands))

        def answers() -> int:
            return sum(each.total() - each["no answer"] for each in answered)

        kills = 0
        while not racing.done():
            before = answers()
            await eventually(functools.partial(goes_on, racing, answers, before), within=60)
            node = chance.choice(cluster.nodes)
            await asyncio.to_thread(node.kill)
            await cluster.restart(node)
            kills += 1
        await racing
        await cluster.age_attempts()
        await eventually(lambda: open_attempts(cluster, tmp_path) == 0, within=60)
        truth = read_truth(cluster, tmp_path)
        broken = judge(truth, population, commands.answers, []).broken
        broken += await back_ends.compare()
        await back_ends.aclose()
        await commands.aclose()
        troubles = cluster.troubles()
    what = f"seed {resilience_seed}, {kills} kills, {answered}\n{troubles}\n"
    assert not broken, f"{what}: {broken}"
    assert kills > 2, what
    assert back_ends.outcomes["RefreshCredentialsSuccess"] > 0, what
    assert back_ends.outcomes["ConnectionDisconnected"] > 0, what


async def test_a_retry_storm_is_carried_out_once(tmp_path: Path, resilience_seed: str) -> None:
    chance = random.Random(resilience_seed)  # noqa: S311
    population = some_users(1)
    (user_id,) = population.users
    account: dict[str, object] = {
        "userId": str(user_id),
        "provider": PROVIDER,
        "providerAccountId": "the-account",
        "credentials": credentials("a token"),
        "attemptId": str(uuid7()),
    }
    async with Cluster(POSTGRES, tmp_path, population) as cluster:
        back_ends = BackEnds(cluster.nodes, population, chance)
        connected = await storm(back_ends, CONNECT, account)
        (connection_id,) = {answer["connection"]["id"] for answer in connected}
        ended: dict[str, object] = {
            "userId": str(user_id),
            "connectionId": connection_id,
            "attemptId": str(uuid7()),
        }
        disconnected = await storm(back_ends, DISCONNECT, ended)
        truth = read_truth(cluster, tmp_path)
        await back_ends.aclose()
    assert len({answer["cursor"] for answer in disconnected}) == 1
    kinds = [(str(event.attempt_id), event.kind) for event in truth.logs[user_id]]
    assert kinds == [
        (account["attemptId"], "connected"),
        (ended["attemptId"], "attempted"),
        (ended["attemptId"], "succeeded"),
    ]
    assert len(truth.connections) == SERVED_PER_USER + 1


async def race(population: Population, back_ends: BackEnds, commands: Commands) -> None:
    """Half of the connections are disconnected as well; the others keep their credentials."""
    pairs = list(owned(population))
    for start in range(0, len(pairs), RACED_AT_ONCE):
        several = pairs[start : start + RACED_AT_ONCE]
        ends = [pair for number, pair in enumerate(several) if number % 2]
        await asyncio.gather(
            *(back_ends.at_once(*pair) for pair in several),
            *(commands.disconnect(*pair) for pair in ends),
        )


def goes_on(racing: "asyncio.Task[None]", answers: Callable[[], int], before: int) -> bool:
    return racing.done() or answers() > before + ANSWERS_BETWEEN_KILLS


async def storm(
    back_ends: BackEnds, command: str, given: Mapping[str, object]
) -> list[Mapping[str, Any]]:
    """The same command again and again, on any node. All are answered."""
    answers = await asyncio.gather(*(back_ends.answer(command, given) for _ in range(STORM)))
    kinds = {answer and answer["__typename"] for answer in answers}
    assert len(kinds) == 1, back_ends.outcomes
    return [answer for answer in answers if answer is not None]


def some_users(count: int) -> Population:
    """With as many connections as back ends serve."""
    users = {uuid7(): [uuid7() for _ in range(SERVED_PER_USER)] for _ in range(count)}
    return Population(users, Fernet.generate_key().decode())


def owned(population: Population) -> Iterator[tuple[UUID, UUID]]:
    for user_id, connections in population.connections.items():
        for connection_id in connections:
            yield user_id, connection_id
