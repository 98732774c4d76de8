"""`unplug import`: what is good goes in, what is bad is named, and a script can tell."""

import contextlib
import gzip
import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.fernet import Fernet

from infrastructure.failures import ExitCode
from tests.support.processes import DEADLINE, UNPLUG, connection_line, environment, unplug
from tests.support.secrecy import CREDENTIAL

USER, FIRST, SECOND = UUID(int=7), UUID(int=1), UUID(int=2)


def rows(folder: Path, columns: str = "id, status") -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "unplug.sqlite3")) as database:
        query = f"SELECT {columns} FROM provider_connections ORDER BY id"  # noqa: S608
        return database.execute(query).fetchall()


def test_of_three_lines_the_broken_one_is_named_and_the_others_go_in(tmp_path: Path) -> None:
    lines = [connection_line(USER, FIRST), '{"broken": \n', connection_line(USER, SECOND)]
    (tmp_path / "connections.jsonl").write_text("".join(lines))
    done = unplug("import", "connections.jsonl", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == "2 imported, 0 already there, 1 bad lines\n"
    assert done.stderr == "line 2: it is not a JSON object\n"
    assert rows(tmp_path) == [(str(FIRST), "active"), (str(SECOND), "active")]


def test_good_lines_only_are_a_success_and_what_is_there_is_left_alone(tmp_path: Path) -> None:
    first = connection_line(USER, FIRST, alias="first")
    assert unplug("import", "-", cwd=tmp_path, stdin=first).returncode == 0
    again = connection_line(USER, FIRST, alias="again") + connection_line(USER, SECOND)
    done = unplug("import", "-", cwd=tmp_path, stdin=again)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "1 imported, 1 already there, 0 bad lines\n"
    assert rows(tmp_path, "alias") == [("first",), (None,)]


def test_credentials_are_encrypted_with_a_key_that_only_the_owner_reads(tmp_path: Path) -> None:
    unplug("import", "-", cwd=tmp_path, stdin=connection_line(USER, FIRST))
    key_file = tmp_path / "unplug.sqlite3.key"
    assert key_file.stat().st_mode & 0o777 == 0o600
    ((encrypted,),) = rows(tmp_path, "encrypted_credentials")
    assert isinstance(encrypted, bytes)
    data = Fernet(key_file.read_text().strip()).decrypt(encrypted)
    assert json.loads(data) == {"refresh_token": CREDENTIAL}
    for file in tmp_path.iterdir():
        assert CREDENTIAL.encode() not in file.read_bytes()


def test_a_file_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    done = unplug("import", "nothing.jsonl", cwd=tmp_path)
    assert done.returncode == 2
    assert "nothing.jsonl" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "status", "message"),
    [
        ({"DATABASE_URL": "sqlite://missing/unplug.sqlite3"}, 1, "missing"),
        ({"CREDENTIALS_KEYS": "hunter2"}, 2, "UNPLUG_CREDENTIALS_KEYS: key 1 of 1"),
        ({"DATABASE_URL": "postgres://me:hunter2@127.0.0.1:1/x"}, 2, "UNPLUG_CREDENTIALS_KEYS"),
        (
            {
                "DATABASE_URL": "postgres://me:hunter2@127.0.0.1:1/x",
                "CREDENTIALS_KEYS": Fernet.generate_key().decode(),
            },
            ExitCode.DATABASE_UNAVAILABLE,
            "UNPLUG_DATABASE_URL",
        ),
    ],
)
def test_what_is_set_up_wrongly_is_said_in_a_sentence(
    tmp_path: Path, settings: dict[str, str], status: int, message: str
) -> None:
    done = unplug("import", "-", cwd=tmp_path, stdin=connection_line(USER), **settings)
    assert (done.returncode, done.stdout) == (status, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr


def test_a_compressed_file_is_named_once_and_nothing_is_made(tmp_path: Path) -> None:
    (tmp_path / "connections.jsonl.gz").write_bytes(gzip.compress(connection_line(USER).encode()))
    done = unplug("import", "connections.jsonl.gz", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (ExitCode.FAILED, "")
    assert done.stderr == (
        "connections.jsonl.gz is compressed with gzip: gunzip -c FILE | unplug import -.\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["connections.jsonl.gz"]


def test_a_person_sees_its_progress(tmp_path: Path) -> None:
    (tmp_path / "connections.jsonl").write_text(connection_line(USER, FIRST) + "rubbish\n")
    terminal, ours = pty.openpty()
    with os.fdopen(terminal, "rb", buffering=0) as screen:
        process = subprocess.Popen(
            [UNPLUG, "import", "connections.jsonl"],
            cwd=tmp_path,
            env=environment() | {"TERM": "xterm", "COLUMNS": "100"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=ours,
        )
        os.close(ours)
        shown = b""
        with contextlib.suppress(OSError):  # how the end of a terminal is told
            while part := screen.read(4096):
                shown += part
    assert process.wait(DEADLINE) == 1
    assert b"Importing" in shown
    assert b"100%" in shown
    assert b"line 2: it is not a JSON object" in shown


def test_interrupted_it_keeps_what_went_in_and_says_how_much(tmp_path: Path) -> None:
    with (tmp_path / "connections.jsonl").open("w") as file:
        file.writelines(connection_line(USER) for _ in range(60_000))
    process = subprocess.Popen(
        [UNPLUG, "import", "connections.jsonl"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None:
        with contextlib.suppress(sqlite3.Error):  # not made yet
            if len(rows(tmp_path, "1")) > 10_000:  # several batches, so one has been counted
                process.send_signal(signal.SIGINT)
                break
    output, errors = process.communicate(timeout=DEADLINE)
    assert (process.returncode, errors) == (130, "")
    assert 0 < int(output.split()[0]) <= len(rows(tmp_path)) < 60_000


def test_a_long_file_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    assert memory_of_import(tmp_path, 40_000) < memory_of_import(tmp_path, 4_000) + 25


def memory_of_import(folder: Path, count: int) -> float:
    """The most that it used, in MiB."""
    with (folder / "connections.jsonl").open("w") as file:
        file.writelines(connection_line(USER) for _ in range(count))
    process = subprocess.Popen(
        [UNPLUG, "import", "connections.jsonl"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
