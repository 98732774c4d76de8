"""Many users at once, a third of whom hang up before they are answered."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID

import httpx
from uuid_utils.compat import uuid7

from tests.e2e.client import DISCONNECT, User
from tests.support.processes import Server, bearer, connection_line, running, unplug

USERS = [UUID(int=n) for n in range(1, 11)]
COMMANDS = 200


async def test_hanging_up_harms_no_command(tmp_path: Path) -> None:
    owned = [(user, uuid7()) for user in USERS for _ in range(2)]
    lines = "".join(connection_line(user, connection_id) for user, connection_id in owned)
    unplug("import", "-", cwd=tmp_path, stdin=lines)
    with running(tmp_path) as server:
        work = [(*owned[n % len(owned)], n % 3 == 0) for n in range(COMMANDS)]
        answers = await asyncio.gather(*(_disconnect(server, *each) for each in work))

        kinds = {answer for answer in answers if answer is not None}
        assert kinds == {"DisconnectProviderSuccess"}
        assert sum(answer is not None for answer in answers) >= COMMANDS * 2 // 3 - 1
        for user in USERS:
            _check_log(User(server, user))
        assert not [line for line in server.log if line["level"] in ("error", "critical", "text")]
    with closing(sqlite3.connect(tmp_path / "unplug.sqlite3")) as database:
        changed = database.execute("SELECT status, version FROM provider_connections").fetchall()
        assert changed == [("disconnected", 2)] * len(owned)


async def _disconnect(server: Server, user: UUID, connection_id: UUID, hang_up: bool) -> str | None:
    request = httpx.Request(
        "POST",
        server.graphql,
        json={"query": DISCONNECT, "variables": {"id": str(connection_id)}},
        headers={"Authorization": f"Bearer {bearer(user)}"},
    )
    if hang_up:
        await _send_and_hang_up(request)
        return None
    async with httpx.AsyncClient(timeout=30) as client:
        response = await client.send(request)
    return str(response.json()["data"]["disconnectProvider"]["__typename"])


async def _send_and_hang_up(request: httpx.Request) -> None:
    assert request.url.port is not None
    _, writer = await asyncio.open_connection(request.url.host, request.url.port)
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    writer.write(f"POST {request.url.path} HTTP/1.1\r\n{head}\r\n".encode() + request.content)
    await writer.drain()
    writer.transport.abort()


def _check_log(user: User) -> None:
    events = user.snapshot()["events"]
    assert [event["position"] for event in events] == [*range(1, len(events) + 1)]
    outcomes: dict[str, list[str]] = {}
    for event in events:
        outcomes.setdefault(event["attemptId"], []).append(event["__typename"])
    assert all(
        kinds == ["ProviderDisconnectionAttempted", "ProviderDisconnectionSucceeded"]
        for kinds in outcomes.values()
    )
