"""`unplug serve --workers 2`: two processes on one port, and their parent."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from cryptography.fernet import Fernet
from prometheus_client.parser import text_string_to_metric_families
from uuid_utils.compat import uuid7
from websockets.exceptions import ConnectionClosed

from infrastructure.failures import ExitCode
from tests.e2e.client import DISCONNECT, Stream, User
from tests.support.processes import SECRET, Server, connection_line, running, unplug
from tests.support.servers.process import free_port

KEY = Fernet.generate_key().decode()
USER = UUID(int=7)
CONNECTIONS = 40
DEADLINE = 30.0


class Node:
    """A server with workers, as its operator sees it."""

    def __init__(self, server: Server, metrics: str, temporary: Path) -> None:
        self.server = server
        self.temporary = temporary
        self._metrics = metrics

    def workers(self) -> dict[int, int]:
        """Process ids by worker."""
        found = {}
        for pid in children(self.server.pid):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"infrastructure.commands.worker" in words:  # else it has not begun yet
                found[int(json.loads(words[-2])["worker"])] = pid
        return found

    def by_worker(self, name: str) -> dict[str, float]:
        """A metric of each worker."""
        text = httpx.get(f"http://{self._metrics}/metrics", timeout=DEADLINE).text
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == name:
                    worker = sample.labels["worker"]
                    found[worker] = found.get(worker, 0) + sample.value
        return found


@pytest.fixture
def settings(postgres_url: str, tmp_path: Path) -> dict[str, str]:
    """Of a database with connections in it."""
    settings = {"DATABASE_URL": postgres_url, "CREDENTIALS_KEYS": KEY}
    assert unplug("migrate", cwd=tmp_path, **settings).returncode == 0
    return settings


@pytest.fixture
def ids(settings: dict[str, str], tmp_path: Path) -> list[UUID]:
    ids: list[UUID] = [uuid7() for _ in range(CONNECTIONS)]
    lines = "".join(connection_line(USER, each) for each in ids)
    assert unplug("import", "-", cwd=tmp_path, stdin=lines, **settings).returncode == 0
    return ids


@pytest.fixture
def node(
    settings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Node]:
    temporary = tmp_path / "t"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    metrics = f"127.0.0.1:{free_port()}"
    more = {"METRICS_ADDRESS": metrics, "SERVICE_ADDRESS": "127.0.0.1:0", "WORKERS": "2"}
    limits = {"MAX_MUTATIONS_PER_SECOND": "10000", "MAX_ROWS_PER_SECOND": "100000"}
    with running(tmp_path, **settings, **more, **limits) as server:
        yield Node(server, metrics, temporary)


class Load:
    """Mutations on connections of their own, one after another in each of four threads."""

    def __init__(self, server: Server, ids: list[UUID]) -> None:
        self.acknowledged: list[str] = []
        self.refused = 0
        self._user = User(server, USER)
        self._ids = ids
        self._ended = threading.Event()

    @contextmanager
    def running(self) -> Iterator["Load"]:
        with ThreadPoolExecutor(4) as pool:
            done = [pool.submit(self._mutate, number) for number in range(4)]
            try:
                yield self
            finally:
                self._ended.set()
        for each in done:
            each.result()

    def more(self, than: int) -> bool:
        return len(self.acknowledged) > than

    def _mutate(self, number: int) -> None:
        while not self._ended.is_set():
            number = (number + 1) % CONNECTIONS
            try:
                answer = self._user.run(DISCONNECT, id=str(self._ids[number]))
            except httpx.TransportError:
                self._ended.wait(0.05)
                continue
            result = (answer.get("data") or {}).get("disconnectProvider") or {}
            if result.get("__typename") == "DisconnectProviderSuccess":
                self.acknowledged.append(result["attemptId"])
            else:  # cut off, or in doubt: a busy machine may not end a command in time for a stop
                self.refused += 1


def children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def eventually(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"  # not ours to collect


def to_the_end(stream: Stream) -> None:
    while True:
        stream.frame()


def outcomes(settings: dict[str, str], cwd: Path) -> tuple[list[str], list[str]]:
    """Attempts that have begun and that have succeeded; positions have no gap."""
    read = {name: settings[name] for name in ("DATABASE_URL",)}
    lines = unplug("events", str(USER), cwd=cwd, **read).stdout.splitlines()
    events = [json.loads(line) for line in lines]
    assert [event["position"] for event in events] == [*range(1, len(events) + 1)]
    begun, succeeded = (
        [e["attempt_id"] for e in events if e["type"] == f"ProviderDisconnection{kind}"]
        for kind in ("Attempted", "Succeeded")
    )
    assert len(set(succeeded)) == len(succeeded)
    return begun, succeeded


def test_two_workers_serve_one_port(node: Node, ids: list[UUID]) -> None:
    """What is committed on one is seen live on the other; both publish their metrics."""
    user = User(node.server, USER)
    (folder,) = node.temporary.glob("unplug-workers-*")
    assert folder.stat().st_mode & 0o777 == 0o700
    count = 0
    with user.following(None) as stream:
        while len([n for n in node.by_worker("unplug_command_seconds_count").values() if n]) < 2:
            assert user.disconnect(ids[0])["__typename"] == "DisconnectProviderSuccess"
            count += 1
            assert count < 50
        assert [event["position"] for event in stream.take(2 * count)] == [*range(1, 2 * count + 1)]
        assert sum(node.by_worker("unplug_live_subscriptions").values()) == 1
    assert sum(node.by_worker("unplug_command_seconds_count").values()) == count
    for path in ("/healthz", "/readyz"):
        for _ in range(4):
            assert httpx.get(node.server.url + path).status_code == 200
    services = [httpx.post(f"{node.server.service_url}/graphql", json={}) for _ in range(4)]
    assert {answer.status_code for answer in services} == {401}
    (started,) = [entry for entry in node.server.log if entry["event"] == "started"]
    assert (started["workers"], started["database_connections"]) == (2, 26)
    assert started["max_mutations_per_second"] == 20000


def test_a_worker_that_dies_is_started_again_and_loses_no_queued_connection(
    node: Node, ids: list[UUID], settings: dict[str, str], tmp_path: Path
) -> None:
    first = node.workers()[0]
    with Load(node.server, ids).running() as load:
        eventually(lambda: load.more(20))
        os.kill(first, signal.SIGKILL)
        eventually(lambda: node.workers().get(0, first) != first)
        seen = len(load.acknowledged)
        eventually(lambda: load.more(seen + 20))
    assert load.refused == 0
    eventually(lambda: len(node.by_worker("unplug_open_attempts")) == 2)
    assert node.by_worker("unplug_worker_restarts_total") == {"0": 1, "1": 0}

    second = node.workers()[0]
    os.kill(second, signal.SIGSTOP)  # it accepts nothing any more
    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(User(node.server, USER).disconnect, id_) for id_ in ids[:16]]
        eventually(lambda: 0 < sum(each.done() for each in asked) < 16)
        os.kill(second, signal.SIGKILL)
        answers = [each.result(DEADLINE) for each in asked]
    acknowledged = [*load.acknowledged, *(answer["attemptId"] for answer in answers)]
    assert set(acknowledged) <= set(outcomes(settings, tmp_path)[1])


def test_a_stop_drains_all_and_leaves_nothing(
    node: Node, ids: list[UUID], settings: dict[str, str], tmp_path: Path
) -> None:
    workers = node.workers().values()
    with ExitStack() as stack:
        streams = [stack.enter_context(User(node.server, USER).following(None)) for _ in range(10)]
        with Load(node.server, ids).running() as load:
            eventually(lambda: load.more(20))
            began = time.monotonic()
            node.server.signal(signal.SIGTERM)
            assert node.server.wait() == 0
            assert time.monotonic() - began < 5
        for stream in streams:
            with pytest.raises(ConnectionClosed, match="1012"):
                to_the_end(stream)
    assert all(map(gone, workers))
    assert list(node.temporary.iterdir()) == []
    begun, succeeded = outcomes(settings, tmp_path)
    assert set(load.acknowledged) <= set(succeeded)
    assert sorted(begun) == sorted(succeeded)
    node.server.start()


def test_workers_end_with_a_parent_that_was_killed(node: Node) -> None:
    workers = node.workers().values()
    node.server.signal(signal.SIGKILL)
    began = time.monotonic()
    eventually(lambda: all(map(gone, workers)))
    assert time.monotonic() - began < 5
    node.server.wait()
    assert list(node.temporary.iterdir()) == []
    node.server.start()


def test_what_all_workers_would_refuse_is_said_once(
    settings: dict[str, str], tmp_path: Path
) -> None:
    with running(tmp_path, **settings) as other:
        port = other.url.rpartition(":")[2]
        taken = unplug(
            *("serve", "--workers", "2", "--port", port),
            cwd=tmp_path,
            TOKEN_SECRET=SECRET,
            **settings,
        )
    assert (taken.returncode, taken.stderr.count("\n")) == (ExitCode.IN_USE, 1)
    assert f"Can't listen on 127.0.0.1:{port}: the port is taken." in taken.stderr
    sqlite = unplug("serve", "--workers", "2", cwd=tmp_path, TOKEN_SECRET=SECRET)
    assert (sqlite.returncode, sqlite.stderr.count("\n")) == (ExitCode.WRONG_USAGE, 1)
    assert "a SQLite file has one server process" in sqlite.stderr


@pytest.mark.parametrize("workers", ["0", "1_0", "65"])
def test_a_number_of_workers_that_makes_no_sense(workers: str, tmp_path: Path) -> None:
    done = unplug("serve", cwd=tmp_path, WORKERS=workers)
    assert done.returncode == ExitCode.WRONG_USAGE
    assert "a whole number from 1 to 64" in " ".join(done.stderr.replace("│", " ").split())


def test_an_outdated_schema_is_said_once(postgres_url: str, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": postgres_url, "CREDENTIALS_KEYS": KEY, "TOKEN_SECRET": SECRET}
    done = unplug("serve", "--workers", "2", "--port", "0", cwd=tmp_path, **settings)
    assert (done.returncode, done.stderr.count("\n")) == (ExitCode.SCHEMA_OUTDATED, 1)
