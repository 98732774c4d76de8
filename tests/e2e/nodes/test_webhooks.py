"""Nodes are killed while they deliver: every event arrives at each living endpoint, in order.

Larger: `pytest tests/e2e/nodes/test_webhooks.py --webhook-users 100 --webhook-commands 50`.
"""

import asyncio
import contextlib
import json
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from cryptography.fernet import Fernet
from uuid_utils.compat import uuid7

from tests.e2e.client import User
from tests.support.network.quirk_server import hang
from tests.support.network.receiver import Receiver, receiver
from tests.support.processes import Server, unplug

KILLS = 3
BETWEEN = 1.0
ARRIVES_WITHIN = 120.0


async def test_nothing_is_lost_on_sqlite(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    await deliver(tmp_path, 1, request, DATABASE_URL=f"sqlite://{tmp_path}/unplug.sqlite3")


async def test_nothing_is_lost_on_postgres(
    tmp_path: Path, request: pytest.FixtureRequest, postgres_url: str
) -> None:
    await deliver(tmp_path, 2, request, DATABASE_URL=postgres_url)


async def deliver(
    folder: Path, count: int, request: pytest.FixtureRequest, **database: str
) -> None:
    """Three endpoints, one of which hangs; the nodes are killed in turn."""
    settings = {
        **database,
        "CREDENTIALS_KEYS": Fernet.generate_key().decode(),
        "WEBHOOK_TIMEOUT": "1",  # and the lease is three seconds
    }
    users = [uuid7() for _ in range(int(request.config.getoption("--webhook-users")))]
    times = int(request.config.getoption("--webhook-commands"))
    command(folder, "migrate", **settings)
    nodes = [Server(folder, **settings) for _ in range(count)]
    async with contextlib.AsyncExitStack() as stack:
        for node in nodes:
            await asyncio.to_thread(stack.enter_context, node)
        living = [await stack.enter_async_context(receiver()) for _ in range(2)]
        dead = await stack.enter_async_context(receiver(hang()))
        for there in (*living, dead):
            await asyncio.to_thread(command, folder, "webhooks", "add", there.url, **settings)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(kill(nodes))
            for user in users:
                tasks.create_task(commands(nodes, user, times))
        log = await asyncio.to_thread(events, folder, **settings)
        assert sum(map(len, log.values())) >= 2 * times * len(users)
        for there in living:
            await arrived(there, log)
            check(there, log)
    assert set(dead.ids) <= {event_id for ids in log.values() for event_id in ids}


async def commands(nodes: Sequence[Server], user: UUID, times: int) -> None:
    """Two events each, unless the node is killed in between."""
    chance, done = random.Random(user.int), 0  # noqa: S311 (nothing secret)
    while done < times:
        node = chance.choice(nodes)
        with contextlib.suppress(httpx.TransportError):
            await asyncio.to_thread(User(node, user).disconnect, uuid7())
            done += 1
        await asyncio.sleep(chance.uniform(0, 2 * KILLS * BETWEEN / times))


async def kill(nodes: Sequence[Server]) -> None:
    for number in range(KILLS):
        await asyncio.sleep(BETWEEN)
        node = nodes[number % len(nodes)]
        await asyncio.to_thread(node.kill)
        await asyncio.to_thread(node.start)


def events(folder: Path, **settings: str) -> dict[str, list[UUID]]:
    """The ids of each user's events, in order."""
    found: defaultdict[str, list[UUID]] = defaultdict(list)
    for line in command(folder, "events", **settings).splitlines():
        event = json.loads(line)
        found[event["user_id"]].append(UUID(event["id"]))
    return dict(found)


async def arrived(there: Receiver, log: dict[str, list[UUID]]) -> None:
    wanted = {event_id for ids in log.values() for event_id in ids}
    async with asyncio.timeout(ARRIVES_WITHIN):
        while not wanted <= set(there.ids):  # noqa: ASYNC110 (a server has no event for it)
            await asyncio.sleep(0.05)


def check(there: Receiver, log: dict[str, list[UUID]]) -> None:
    """The first arrivals of a user's events are the log, without a gap and in order."""
    first: defaultdict[str, dict[UUID, int]] = defaultdict(dict)
    for request in there.requests:
        data = json.loads(request.body)["data"]
        first[data["user_id"]].setdefault(UUID(data["id"]), data["position"])
    for user, ids in log.items():
        received = list(first[user].items())[: len(ids)]
        assert received == [(event_id, place) for place, event_id in enumerate(ids, 1)]


def command(folder: Path, *arguments: str, **settings: str) -> str:
    done = unplug(*arguments, cwd=folder, **settings)
    assert done.returncode == 0, done.stderr
    return done.stdout
