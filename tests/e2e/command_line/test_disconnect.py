"""`unplug disconnect`: an incident, beside servers, interrupted and repeated."""

import json
import os
import pty
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from uuid_utils.compat import uuid7

from infrastructure.database.sqlite.lock import sole_run
from infrastructure.failures import ExitCode
from tests.e2e.client import User
from tests.support.processes import (
    DEADLINE,
    UNPLUG,
    connection_line,
    environment,
    running,
    unplug,
)

USER = UUID(int=7)
KEY = Fernet.generate_key().decode()
EVERY = ("disconnect", "--provider", "schwab")


class Site:
    """A database with connections, each of a user of its own."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.settings = {"CREDENTIALS_KEYS": KEY, **settings}
        if settings:
            self.unplug("migrate")

    def unplug(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return unplug(*arguments, cwd=self.folder, stdin=stdin, **self.settings)

    def connect(self, count: int, **fields: str) -> None:
        lines = "".join(connection_line(uuid7(), None, **fields) for _ in range(count))
        assert self.unplug("import", "-", stdin=lines).returncode == 0

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.unplug("events").stdout.splitlines()]

    def left(self) -> int:
        """How many it would disconnect now."""
        return int(self.unplug(*EVERY, "--dry-run").stdout.split()[-1])

    def assert_one_outcome_each(self) -> Counter[str]:
        """Every attempt has one outcome; returns how often each connection succeeded."""
        kinds: dict[str, Counter[str]] = {"Attempted": Counter(), "Succeeded": Counter()}
        kinds["Failed"] = Counter()
        succeeded: Counter[str] = Counter()
        for event in self.events():
            kind = event["type"].removeprefix("ProviderDisconnection")
            kinds[kind][event["attempt_id"]] += 1
            if kind == "Succeeded":
                succeeded[event["connection_id"]] += 1
        assert kinds["Succeeded"] + kinds["Failed"] == kinds["Attempted"]
        assert set(kinds["Attempted"].values()) <= {1}
        assert set(succeeded.values()) <= {1}
        return succeeded

    @contextmanager
    def begun(self, count: int) -> Iterator["subprocess.Popen[str]"]:
        """A run that has disconnected something, and not all."""
        process = subprocess.Popen(
            [UNPLUG, *EVERY, "--expect", str(count)],
            cwd=self.folder,
            env=environment(**self.settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with subprocess.Popen(
            [UNPLUG, "events", "--follow"],
            cwd=self.folder,
            env=environment(**self.settings),
            stdout=subprocess.PIPE,
        ) as following:
            assert following.stdout is not None
            assert following.stdout.readline()
            following.kill()
        assert process.poll() is None
        yield process
        process.communicate(timeout=DEADLINE)


@pytest.fixture(params=["sqlite", "postgres"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    if request.param == "sqlite":
        return Site(tmp_path)
    return Site(tmp_path, DATABASE_URL=request.getfixturevalue("postgres_url"))


def test_it_shows_what_it_would_do_and_takes_the_number_that_was_shown(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.connect(3)
    site.connect(1, status="expired")
    site.connect(2, provider_slug="plaid")
    shown = site.unplug(*EVERY, "--dry-run")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout == (
        "provider  status   connections\n"
        "schwab    active             3\n"
        "schwab    expired            1\n"
        "total                        4\n"
    )
    other = site.unplug(*EVERY, "--expect", "3")
    assert (other.returncode, other.stderr) == (
        ExitCode.FAILED,
        "It is 4 connections, not 3: nothing was done.\n",
    )
    unasked = site.unplug(*EVERY)
    assert (unasked.returncode, site.events()) == (ExitCode.FAILED, [])
    done = site.unplug(*EVERY, "--expect", "4", "--note", "A leak: connect again")
    assert (done.returncode, done.stderr) == (0, "")
    assert "4 disconnected, 0 failed, 0 left alone" in done.stdout
    begun = [e for e in site.events() if e["type"] == "ProviderDisconnectionAttempted"]
    assert {(e["initiator"], e["note"]) for e in begun} == {("OPERATOR", "A leak: connect again")}
    assert len({e["batch_id"] for e in begun}) == 1
    assert site.left() == 0
    assert len(site.assert_one_outcome_each()) == 4


def test_users_see_their_own_events_live_beside_a_running_server(site: Site) -> None:
    site.unplug("import", "-", stdin=connection_line(USER))
    site.connect(5)
    with running(site.folder, **site.settings) as server:
        user = User(server, USER)
        with user.following(None) as stream:
            done = site.unplug(*EVERY, "--expect", "6", "--note", "A leak")
            assert done.returncode == 0, done.stderr
            events = stream.take(2)
        assert [event["__typename"] for event in events] == [
            "ProviderDisconnectionAttempted",
            "ProviderDisconnectionSucceeded",
        ]
        shown = user.run(
            "{ providerEvents { edges { node {"
            " ... on ProviderDisconnectionAttempted { initiator batchId note } } } } }"
        )
    first = shown["data"]["providerEvents"]["edges"][0]["node"]
    (recorded,) = {event.get("batch_id") for event in site.events()} - {None}
    assert first == {"initiator": "OPERATOR", "batchId": recorded, "note": "A leak"}


def test_killed_and_repeated_every_connection_ends_once(site: Site) -> None:
    count = 1_500
    site.connect(count)
    with site.begun(count) as process:
        process.send_signal(signal.SIGKILL)
    left = site.left()
    assert 0 < left < count
    done = site.unplug(*EVERY, "--expect", str(left))
    assert done.returncode == 0, done.stderr
    assert f"{left} disconnected, 0 failed" in done.stdout
    assert len(site.assert_one_outcome_each()) == count


def test_ctrl_c_lets_running_attempts_end(tmp_path: Path) -> None:
    site, count = Site(tmp_path), 1_500
    site.connect(count)
    with site.begun(count) as process:
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=DEADLINE)
    assert (process.returncode, errors) == (ExitCode.INTERRUPTED, "")
    done = site.assert_one_outcome_each()
    assert f"{len(done)} disconnected, 0 failed" in output
    assert site.left() == count - len(done) > 0


def test_a_server_that_starts_meanwhile_closes_none_of_its_attempts(tmp_path: Path) -> None:
    site, count = Site(tmp_path), 2_000
    site.connect(count)
    with site.begun(count) as process:
        site.connect(1)
        for _ in range(2):
            with running(site.folder, **site.settings):
                pass
        output, errors = process.communicate(timeout=DEADLINE)
    assert (process.returncode, errors) == (0, "")
    assert f"{count} disconnected, 0 failed" in output
    assert "1 more match that were connected meanwhile" in output
    assert site.left() == 1
    assert len(site.assert_one_outcome_each()) == count


def test_a_second_run_is_refused_and_nothing_is_done(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.connect(1)
    with sole_run(tmp_path / "unplug.sqlite3"):
        done = site.unplug(*EVERY, "--expect", "1")
    assert done.returncode == ExitCode.IN_USE
    assert "Another run" in done.stderr
    assert site.left() == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--provider"),
        (("--connected-before", "yesterday"), "--connected-before"),
        (("--connected-before", "2026-01-02T03:04:05"), "--connected-before"),
        (("--user", "me"), "--user"),
        (("--ids", "missing.txt"), "missing.txt"),
        (("--provider", "schwab", "--note", ""), "500"),
    ],
)
def test_wrong_use_is_named(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = unplug("disconnect", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (ExitCode.WRONG_USAGE, "")
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("answer", "left"), [(b"n\n", 600), (b"y\n", 0)])
def test_a_person_is_asked_and_sees_the_progress(tmp_path: Path, answer: bytes, left: int) -> None:
    site = Site(tmp_path)
    site.connect(600)
    terminal, ours = pty.openpty()
    with os.fdopen(terminal, "r+b", buffering=0) as screen:
        process = subprocess.Popen(
            [UNPLUG, *EVERY],
            cwd=tmp_path,
            env=environment(**site.settings) | {"TERM": "xterm", "COLUMNS": "100"},
            stdin=ours,
            stdout=ours,
            stderr=ours,
        )
        os.close(ours)
        shown = b""
        try:
            while part := screen.read(4096):
                shown += part
                if b"[y/N]" in shown and answer:
                    screen.write(answer)
                    answer = b""
        except OSError:  # how the end of a terminal is told
            pass
    process.wait(DEADLINE)
    assert b"Disconnect these 600 connections?" in shown
    text = re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", shown)
    progress = re.search(rb"Disconnecting .*%\s+\d+/600\s+[\d,]+/s\s+\d:\d\d:\d\d", text)
    assert (progress is not None) == (left == 0), text
    assert site.left() == left
