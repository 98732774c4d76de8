"""`unplug events`: operators see what clients don't, and go on seeing it."""

import json
import queue
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from cryptography.fernet import Fernet

from infrastructure.database.sqlite.connection import connect
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
from tests.support.servers.postgres import PostgresServer

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
    after = unplug("events", str(OWNER), "--after", cursor, cwd=tmp_path)
    assert lines(after.stdout) == all_of_owner[1:]
    after = unplug("events", str(OWNER), cwd=tmp_path, AFTER=cursor)
    assert lines(after.stdout) == all_of_owner[1:]


def test_all_users_events_after_a_cursor(server: Server, tmp_path: Path) -> None:
    for user_id in (OWNER, STRANGER, OWNER):
        disconnect(server, user_id)
    shown = lines(unplug("events", cwd=tmp_path).stdout)
    assert [(e["user_id"], e["position"]) for e in shown] == [
        (str(user_id), position)
        for user_id, position in (
            *((OWNER, 1), (OWNER, 2), (STRANGER, 1), (STRANGER, 2)),
            *((OWNER, 3), (OWNER, 4)),
        )
    ]
    server.stop()
    server.start()
    disconnect(server, STRANGER)
    rest = lines(unplug("events", "--after", shown[3]["cursor"], cwd=tmp_path).stdout)
    assert rest[:2] == shown[4:]
    assert [(e["user_id"], e["position"]) for e in rest[2:]] == [
        (str(STRANGER), 3),
        (str(STRANGER), 4),
    ]


def test_a_cursor_that_is_no_good_is_said_in_a_sentence(server: Server, tmp_path: Path) -> None:
    disconnect(server, OWNER)
    in_one = lines(unplug("events", str(OWNER), cwd=tmp_path).stdout)[0]["cursor"]
    in_all = lines(unplug("events", cwd=tmp_path).stdout)[0]["cursor"]
    for arguments, said in (
        (("--after", "rubbish"), "not a cursor"),
        (("--after", in_one), "one user's events"),
        ((str(STRANGER), "--after", in_one), "another user's"),
        ((str(OWNER), "--after", in_all), "all users' events"),
    ):
        done = unplug("events", *arguments, cwd=tmp_path)
        assert done.returncode == ExitCode.WRONG_USAGE
        assert said in " ".join(done.stderr.replace("│", " ").split())
    (tmp_path / "other").mkdir()
    unplug("migrate", cwd=tmp_path / "other")
    for arguments in ((str(OWNER), "--after", in_one), ("--after", in_all)):
        done = unplug("events", *arguments, cwd=tmp_path / "other")
        assert done.returncode == ExitCode.FAILED
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

    def none_left(self) -> bool:
        """Whether every line was looked at, after the process has ended."""
        self._reader.join(DEADLINE)
        return self._lines.empty()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)


@contextmanager
def following(cwd: Path, *arguments: str, **settings: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [UNPLUG, "events", "--follow", *arguments],
        cwd=cwd,
        env=environment(**settings),
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


@pytest.mark.parametrize("arguments", [(), (str(OWNER),)])
def test_following_ends_when_a_restore_replaces_the_history(
    server: Server, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    file, backup = tmp_path / "unplug.sqlite3", tmp_path / "backup.sqlite3"
    copy(file, backup)
    disconnect(server, OWNER)
    with following(tmp_path, *arguments) as process:
        events = Following(process)
        assert [events.next()["position"] for _ in range(2)] == [1, 2]
        process.send_signal(signal.SIGSTOP)
        copy(backup, file)
        for _ in range(3):
            disconnect(server, OWNER)
        process.send_signal(signal.SIGCONT)
        assert process.wait(DEADLINE) == ExitCode.FAILED
        assert process.stderr is not None
        assert "restored" in process.stderr.read()
        assert events.none_left()


def copy(source: Path, target: Path) -> None:
    """With SQLite's backup API, which changes a file under open connections."""
    with closing(connect(source)) as read, closing(connect(target)) as written:
        read.backup(written)


def test_following_outlives_a_server_that_is_away(tmp_path: Path) -> None:
    database = PostgresServer()
    database.start()
    try:
        settings = {
            "DATABASE_URL": database.create_database("unplug"),
            "CREDENTIALS_KEYS": Fernet.generate_key().decode(),
        }
        assert unplug("migrate", cwd=tmp_path, **settings).returncode == 0
        with (
            running(tmp_path, "serve", **settings) as server,
            following(tmp_path, **settings) as process,
        ):
            events = Following(process)
            disconnect(server, OWNER)
            assert [events.next()["position"] for _ in range(2)] == [1, 2]
            database.stop()
            for _ in range(3):
                assert disconnect(server, OWNER) == "DisconnectionFailed"
            database.start()
            disconnect(server, OWNER)
            assert [events.next()["position"] for _ in range(2)] == [3, 4]
    finally:
        database.remove()


def test_it_stops_when_nobody_reads_it_any_more(server: Server, tmp_path: Path) -> None:
    disconnect(server, OWNER)
    with following(tmp_path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(DEADLINE) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
