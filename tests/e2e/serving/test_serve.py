"""`unplug serve`: one server on a file, told to stop it exits with 0, and settings are checked."""

import signal
from importlib.metadata import version
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from infrastructure.failures import ExitCode
from tests.support.processes import SECRET, UNPLUG, Server, bearer, connection_line, running, unplug

USER, CONNECTION = UUID(int=7), UUID(int=1)
DISCONNECT = (
    "mutation($id: ID!) { disconnectProvider(input: {connectionId: $id}) {"
    " __typename ... on DisconnectProviderSuccess { connectedProvider { status } } } }"
)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_told_to_stop_it_exits_with_0(tmp_path: Path, number: signal.Signals) -> None:
    server = Server(tmp_path)
    server.start()
    assert httpx.get(f"{server.url}/healthz").json() == {"status": "ok"}
    assert httpx.get(f"{server.url}/readyz").json() == {"status": "ready", "degraded": []}
    assert server.stop(number) == 0
    assert [entry["event"] for entry in server.log if entry["level"] != "info"] == []


def test_a_second_server_on_a_file_names_the_first(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        for command in ("serve", "migrate"):
            done = unplug(command, cwd=tmp_path, TOKEN_SECRET=SECRET, PORT="0")
            assert done.returncode == ExitCode.IN_USE
            assert f"process {server.pid}" in done.stderr
            assert "Traceback" not in done.stderr


def test_a_file_is_free_again_after_kill_9(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.start()
    server.kill()
    server.start()
    assert server.stop() == 0


def test_a_port_that_is_taken_is_said_in_a_sentence(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        port = server.url.rpartition(":")[2]
        (tmp_path / "other").mkdir()
        done = unplug("serve", cwd=tmp_path / "other", TOKEN_SECRET=SECRET, PORT=port)
        assert done.returncode == ExitCode.IN_USE
        assert f"127.0.0.1:{port}" in done.stderr
        assert "Traceback" not in done.stderr


def test_metrics_on_the_servers_own_address_are_refused(tmp_path: Path) -> None:
    for host, metrics in (("127.0.0.1", "localhost"), ("0.0.0.0", "127.0.0.1")):  # noqa: S104
        settings = {"TOKEN_SECRET": SECRET, "PORT": "8123", "METRICS_ADDRESS": f"{metrics}:8123"}
        done = unplug("serve", "--host", host, cwd=tmp_path, **settings)
        assert (done.returncode, done.stdout) == (ExitCode.WRONG_USAGE, "")
        assert done.stderr.startswith("UNPLUG_METRICS_ADDRESS: port 8123 is the server's own")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("host", "advice"),
    [
        ("unplug.invalid", "Correct --host"),
        ("x" * 70, "Correct --host"),
        ("192.0.2.1", "not an address of this machine"),
    ],
)
def test_a_host_that_can_not_be_listened_on(tmp_path: Path, host: str, advice: str) -> None:
    done = unplug("serve", "--host", host, "--port", "0", cwd=tmp_path, TOKEN_SECRET=SECRET)
    assert done.returncode == ExitCode.FAILED
    assert advice in done.stderr
    assert "another port" not in done.stderr
    assert "Traceback" not in done.stderr


def test_the_first_line_says_what_was_started(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        (started,) = (entry for entry in server.log if entry["event"] == "started")
    assert started["version"] == version("unplug")
    assert started["database"] == f"sqlite://{tmp_path}/unplug.sqlite3"
    assert started["wake_ups"] == "in-process"


def test_too_few_open_files_are_raised_or_warned_of(tmp_path: Path) -> None:
    limited = ("sh", "-c", 'ulimit -Sn 256; ulimit -Hn 4096; exec "$0" "$@"', UNPLUG)
    for sockets, allowed, warned in (("5000", 4096, True), ("2000", 2110, False)):
        with Server(tmp_path, executable=limited, MAX_SOCKETS=sockets) as server:
            limits = Path(f"/proc/{server.pid}/limits").read_text()
            (files,) = (line for line in limits.splitlines() if "open files" in line)
            assert int(files.split()[3]) == allowed
        warnings = [entry for entry in server.log if entry["event"] == "too_few_open_files"]
        assert bool(warnings) is warned


def test_without_a_way_to_verify_tokens_it_refuses_to_start(tmp_path: Path) -> None:
    done = unplug("serve", cwd=tmp_path)
    assert done.returncode == ExitCode.WRONG_USAGE
    assert "UNPLUG_TOKEN_SECRET" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_was_imported_beside_it_can_be_disconnected(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        done = unplug("import", "-", cwd=tmp_path, stdin=connection_line(USER, CONNECTION))
        assert (done.returncode, done.stderr) == (0, "")
        response = httpx.post(
            server.graphql,
            json={"query": DISCONNECT, "variables": {"id": str(CONNECTION)}},
            headers={"Authorization": f"Bearer {bearer(USER)}"},
        )
        assert response.json() == {
            "data": {
                "disconnectProvider": {
                    "__typename": "DisconnectProviderSuccess",
                    "connectedProvider": {"status": "DISCONNECTED"},
                }
            }
        }


def test_the_schema_is_printed(tmp_path: Path) -> None:
    done = unplug("schema", cwd=tmp_path)
    committed = Path(__file__).parents[3] / "schema" / "schema.graphql"
    assert done.stdout == committed.read_text()
    assert done.returncode == 0


def test_the_page_is_there_only_when_it_is_asked_for(tmp_path: Path) -> None:
    for asked, status in (("off", 404), ("on", 200)):
        with running(tmp_path, PAGE=asked) as server:
            assert httpx.get(f"{server.url}/").status_code == status
            assert httpx.get(f"{server.url}/page/main.js").status_code == status
