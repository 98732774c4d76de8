"""`unplug events`: operators see what clients don't, and go on seeing it."""

import json
import queue
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from infrastructure.failures import ExitCode
from tests.support.processes import (
    DEADLINE,
    UNPLUG,
    Server,
    bearer,
    connection_line,
    environment,
    running,
    unplug,
)

OWNER, STRANGER, CONNECTION = UUID(int=7), UUID(int=8), UUID(int=1)
DISCONNECT = "mutation($id: ID!) { disconnectProvider(input: {connectionId: $id}) { __typename } }"


def disconnect(server: Server, user_id: UUID, connection_id: UUID = CONNECTION) -> str:
    response = httpx.post(
        server.graphql,
        json={"query": DISCONNECT, "variables": {"id": str(connection_id)}},
        headers={"Authorization": f"Bearer {bearer(user_id)}"},
    )
    return str(response.json()["data"]["disconnectProvider"]["__typename"])


def lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    done = unplug("import", "-", cwd=tmp_path, stdin=connection_line(OWNER, CONNECTION))
    assert done.returncode == 0, done.stderr
    with running(tmp_path) as server:
        yield server


def test_the_true_reason_is_shown_to_operators_only(server: Server, tmp_path: Path) -> None:
    assert disconnect(server, STRANGER) == "ConnectionNotFound"
    assert disconnect(server, OWNER) == "DisconnectProviderSuccess"
    done = unplug("events", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    shown = lines(done.stdout)
    assert [(e["user_id"], e["position"], e["type"], e.get("reason")) for e in shown] == [
        (str(STRANGER), 1, "ProviderDisconnectionAttempted", None),
        (str(STRANGER), 2, "ProviderDisconnectionFailed", "NOT_OWNED_BY_USER"),
        (str(OWNER), 1, "ProviderDisconnectionAttempted", None),
        (str(OWNER), 2, "ProviderDisconnectionSucceeded", None),
    ]
    assert [event["provider"] and event["provider"]["slug"] for event in shown] == [
        None,
        None,
        "schwab",
        "schwab",
    ]


def test_one_users_events_after_a_cursor(server: Server, tmp_path: Path) -> None:
    disconnect(server, OWNER)
    disconnect(server, STRANGER)
    all_of_owner = lines(unplug("events", str(OWNER), cwd=tmp_path).stdout)
    assert [event["position"] for event in all_of_owner] == [1, 2]
    cursor = all_of_owner[0]["cursor"]
    assert lines(unplug("events", "--after", cursor, cwd=tmp_path).stdout) == all_of_owner[1:]
    assert lines(unplug("events", cwd=tmp_path, AFTER=cursor).stdout) == all_of_owner[1:]


def test_a_cursor_that_is_no_good_is_said_in_a_sentence(server: Server, tmp_path: Path) -> None:
    disconnect(server, OWNER)
    cursor = lines(unplug("events", str(OWNER), cwd=tmp_path).stdout)[0]["cursor"]
    assert unplug("events", "--after", "rubbish", cwd=tmp_path).returncode == 2
    assert unplug("events", str(STRANGER), "--after", cursor, cwd=tmp_path).returncode == 2
    (tmp_path / "other").mkdir()
    unplug("migrate", cwd=tmp_path / "other")
    done = unplug("events", "--after", cursor, cwd=tmp_path / "other")
    assert done.returncode == 1
    assert "restored" in done.stderr


def test_without_a_database_it_makes_none(tmp_path: Path) -> None:
    done = unplug("events", cwd=tmp_path)
    assert done.returncode == ExitCode.SCHEMA_OUTDATED
    file = tmp_path / "unplug.sqlite3"
    assert done.stderr == f"There is no database at {file}; `unplug migrate` makes one.\n"
    assert list(tmp_path.iterdir()) == []


class Following:
    """A running `unplug events --follow`, and its lines as they come."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def next(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self._lines.get(timeout=DEADLINE))
        return event

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)


@contextmanager
def following(cwd: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [UNPLUG, "events", "--follow", *arguments],
        cwd=cwd,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("arguments", [(), (str(OWNER),)])
def test_what_is_followed_is_shown_as_it_comes_until_ctrl_c(
    server: Server, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    disconnect(server, OWNER)
    with following(tmp_path, *arguments) as process:
        events = Following(process)
        assert [events.next()["position"] for _ in range(2)] == [1, 2]
        disconnect(server, OWNER)
        assert [events.next()["position"] for _ in range(2)] == [3, 4]
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_it_stops_when_nobody_reads_it_any_more(server: Server, tmp_path: Path) -> None:
    disconnect(server, OWNER)
    with following(tmp_path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(DEADLINE) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
