"""The receivers of the guide, in Python and in JavaScript, against a running server."""

import asyncio
import json
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send
from uuid_utils.compat import uuid7

from tests.clients.webhook_receiver import Copy, receiver
from tests.e2e.client import User
from tests.support.network.listening import listening
from tests.support.node import NODE, install
from tests.support.processes import Server, running, unplug

USERS = [UUID(int=number) for number in range(1, 6)]
TIMES = 4
EVENTS = 2 * TIMES * len(USERS)


async def add(cwd: Path, url: str) -> str:
    """A new endpoint's secret."""
    done = await asyncio.to_thread(unplug, "webhooks", "add", url, cwd=cwd)
    return done.stdout.split()[3]


async def test_both_receive_every_event_once_and_in_order(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        async with in_javascript(tmp_path) as there, in_python(tmp_path) as handled:
            await asyncio.gather(*(trouble(server, user) for user in USERS))
            lines = [await there.readline() for _ in range(EVENTS)]
            while len(handled) < EVENTS:  # noqa: ASYNC110 (a list has no event for it)
                await asyncio.sleep(0.01)
    for events in (handled, [json.loads(line) for line in lines]):
        assert len({event["data"]["id"] for event in events}) == EVENTS
        for user in USERS:
            own = [e["data"]["position"] for e in events if e["data"]["user_id"] == str(user)]
            assert own == [*range(1, 2 * TIMES + 1)]


def test_a_copy_applies_repetitions_once_and_notices_a_restore() -> None:
    restored: list[tuple[str, int]] = []
    copy = Copy(lambda user_id, position: restored.append((user_id, position)))

    def add(position: int, id_: str) -> bool:
        return copy.add({"user_id": "u", "position": position, "id": id_})

    assert [add(5, "a"), add(6, "b"), add(5, "a"), add(7, "c")] == [True, True, False, True]
    assert restored == []
    assert add(6, "d")
    assert restored == [("u", 6)]
    assert copy.ids == {"u": {5: "a", 6: "d"}}


async def trouble(server: Server, user: UUID) -> None:
    for _ in range(TIMES):
        await asyncio.to_thread(User(server, user).disconnect, uuid7())


@asynccontextmanager
async def in_python(cwd: Path) -> AsyncIterator[list[dict[str, Any]]]:
    """What the receiver has handled."""
    apps: list[ASGIApp] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await apps[0](scope, receive, send)

    handled: list[dict[str, Any]] = []
    async with listening(app) as there:
        secret = await add(cwd, f"http://127.0.0.1:{there.port}/hook")
        apps.append(receiver(secret, Copy(on_restore=lambda *_: None), handled.append))
        yield handled


@asynccontextmanager
async def in_javascript(cwd: Path) -> AsyncIterator[asyncio.StreamReader]:
    """What the receiver has handled, a line each."""
    process = await asyncio.create_subprocess_exec(
        NODE, "webhook-scenario.js", cwd=install(), stdin=PIPE, stdout=PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        url = (await process.stdout.readline()).decode().strip()
        process.stdin.write(f"{await add(cwd, url)}\n".encode())
        assert await process.stdout.readline() == b"ready\n"
        async with httpx.AsyncClient() as http:
            forged = await http.post(url, json={"type": "provider.connected"})
        assert forged.status_code == 401
        yield process.stdout
    finally:
        process.kill()
        await process.wait()
