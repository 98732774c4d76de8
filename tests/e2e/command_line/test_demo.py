"""`unplug demo`: what it prints works as pasted."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from infrastructure.failures import ExitCode
from tests.support.processes import DEADLINE, Server, environment, running, unplug

ROOT = Path(__file__).parents[3]
END = "\nEND\n"
"""The last line of what is printed."""


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path, "demo", "--no-browser", LOG_LEVEL="info") as server:
        yield server


def printed(demo: Server, marker: str) -> str:
    """The command under the line that has the marker in it."""
    text = demo.output_with(END)
    found = re.search(rf"{marker}[^\n]*\n\n(.*?)\n\n", text + "\n\n", re.DOTALL)
    assert found is not None, text
    return found.group(1)


def pasted(command: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        ["bash", "-c", command],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_page_and_the_token_are_there(demo: Server) -> None:
    text = demo.output_with(END)
    assert f"{demo.url}/#token=" in text
    assert "text/html" in httpx.get(demo.url).headers["content-type"]


def test_the_schema_can_be_explored(demo: Server) -> None:
    token = re.search(r"#token=(\S+)", demo.output_with(END))
    assert token is not None
    headers = {"authorization": f"Bearer {token.group(1)}"}
    asked = {"query": "{ __schema { queryType { name } } }"}
    schema = httpx.post(demo.graphql, json=asked, headers=headers).json()
    assert schema == {"data": {"__schema": {"queryType": {"name": "Query"}}}}
    typo = httpx.post(demo.graphql, json={"query": "{ eventCursr }"}, headers=headers).text
    assert "Did you mean 'eventCursor'?" in typo


def test_the_subscription_shows_what_the_mutation_does(demo: Server) -> None:
    watching = pasted(printed(demo, "Watch what happens"))
    assert watching.stdout is not None
    try:
        line = watching.stdout.readline()
        while not line.startswith("id:"):  # what comes after that cursor is seen
            line = watching.stdout.readline()
        done = pasted(printed(demo, "Disconnect schwab"))
        output, _ = done.communicate(timeout=DEADLINE)
        assert '"__typename":"DisconnectProviderSuccess"' in output
        seen = ""
        while "ProviderDisconnectionSucceeded" not in seen:
            seen = watching.stdout.readline()
        assert '"position":2' in seen
        assert '"slug":"schwab"' in seen
        while "ProviderTokenRevocationSucceeded" not in seen:
            seen = watching.stdout.readline()
        assert '"evidence":"ACCEPTED"' in seen
    finally:
        watching.kill()
        watching.communicate()


def test_the_python_program_runs(demo: Server) -> None:
    text = demo.output_with(END)
    program = text[text.index("uv run --group client python") :]
    output, errors = pasted(program).communicate(timeout=DEADLINE)
    assert "DisconnectProviderSuccess" in output, errors
    assert "ProviderDisconnectionAttempted" in output
    assert "ProviderDisconnectionSucceeded" in output
    assert "ACCEPTED" in output


def test_each_start_has_a_user_of_its_own_and_keeps_the_secret(tmp_path: Path) -> None:
    outputs = []
    for _ in range(2):
        with running(tmp_path, "demo", "--no-browser", LOG_LEVEL="info") as server:
            outputs.append(server.output_with(END))
    users = [re.search(r"User (\S+),", output) for output in outputs]
    assert users[0] is not None
    assert users[1] is not None
    assert users[0].group(1) != users[1].group(1)
    assert {path.name for path in tmp_path.iterdir()} == {
        "unplug-demo.sqlite3",
        "unplug-demo.sqlite3.key",
        "unplug-demo.sqlite3.lock",
        "unplug-demo.sqlite3.secret",
    }
    assert (tmp_path / "unplug-demo.sqlite3.secret").stat().st_mode & 0o777 == 0o600


def test_a_second_demo_names_the_first(demo: Server, tmp_path: Path) -> None:
    done = unplug("demo", "--no-browser", "--port", "0", cwd=tmp_path)
    assert done.returncode == ExitCode.IN_USE
    assert f"process {demo.pid}" in done.stderr
