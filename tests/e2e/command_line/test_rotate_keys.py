"""`unplug rotate-keys`: afterwards the old key is useless, also after concurrent changes."""

import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken

from infrastructure.security.credentials_cipher import fingerprint
from tests.support.processes import DEADLINE, UNPLUG, connection_line, environment, running, unplug

USER = UUID(int=7)
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


def filled(folder: Path, count: int) -> None:
    lines = "".join(connection_line(USER, UUID(int=n)) for n in range(1, count + 1))
    done = unplug("import", "-", cwd=folder, stdin=lines, CREDENTIALS_KEYS=OLD)
    assert done.stdout.startswith(f"{count} imported")


def readable_with(folder: Path, key: str) -> int:
    with closing(sqlite3.connect(folder / "unplug.sqlite3")) as database:
        found = database.execute(
            "SELECT encrypted_credentials FROM provider_connections"
            " WHERE encrypted_credentials IS NOT NULL"
        ).fetchall()
    cipher, readable = Fernet(key), 0
    for (encrypted,) in found:
        try:
            cipher.decrypt(encrypted)
        except InvalidToken:
            continue
        readable += 1
    return readable


def test_every_credential_is_re_encrypted_beside_a_server(tmp_path: Path) -> None:
    filled(tmp_path, 3)
    keys = f"{NEW},{OLD}"
    with running(tmp_path, CREDENTIALS_KEYS=keys):
        done = unplug("rotate-keys", cwd=tmp_path, CREDENTIALS_KEYS=keys)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "3 re-encrypted, 0 unreadable\n"
    assert (readable_with(tmp_path, NEW), readable_with(tmp_path, OLD)) == (3, 0)


def test_a_second_run_finds_nothing_to_do(tmp_path: Path) -> None:
    filled(tmp_path, 3)
    keys = f"{NEW},{OLD}"
    unplug("rotate-keys", cwd=tmp_path, CREDENTIALS_KEYS=keys)
    done = unplug("rotate-keys", cwd=tmp_path, CREDENTIALS_KEYS=keys)
    assert (done.returncode, done.stdout) == (0, "0 re-encrypted, 0 unreadable\n")


def test_credentials_without_a_known_key_are_named_and_kept(tmp_path: Path) -> None:
    filled(tmp_path, 1)
    lost = fingerprint(OLD)
    done = unplug("rotate-keys", "--forget", lost, cwd=tmp_path, CREDENTIALS_KEYS=NEW)
    assert done.returncode == 1
    assert str(UUID(int=1)) in done.stderr
    assert done.stdout == "0 re-encrypted, 1 unreadable\n"
    assert readable_with(tmp_path, OLD) == 1


def test_interrupted_it_leaves_every_credential_under_one_of_the_keys(tmp_path: Path) -> None:
    count = 4000
    filled(tmp_path, count)
    process = subprocess.Popen(
        [UNPLUG, "rotate-keys"],
        cwd=tmp_path,
        env=environment(CREDENTIALS_KEYS=f"{NEW},{OLD}"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not readable_with(tmp_path, NEW) and process.poll() is None:
        pass  # every look takes long enough
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=DEADLINE)
    rotated = readable_with(tmp_path, NEW)
    assert rotated + readable_with(tmp_path, OLD) == count
    done = unplug("rotate-keys", cwd=tmp_path, CREDENTIALS_KEYS=f"{NEW},{OLD}")
    assert done.stdout == f"{count - rotated} re-encrypted, 0 unreadable\n"
    assert readable_with(tmp_path, NEW) == count


def test_a_symbolic_link_has_the_key_of_its_file(tmp_path: Path) -> None:
    """`import` by one name, `rotate-keys` by the other."""
    (tmp_path / "link.sqlite3").symlink_to("data.sqlite3")
    line = connection_line(USER)
    done = unplug("import", "-", cwd=tmp_path, stdin=line, DATABASE_URL="sqlite://link.sqlite3")
    assert done.stdout.startswith("1 imported")
    done = unplug("rotate-keys", cwd=tmp_path, DATABASE_URL="sqlite://data.sqlite3")
    assert (done.returncode, done.stdout) == (0, "0 re-encrypted, 0 unreadable\n")
    assert (tmp_path / "data.sqlite3").stat().st_mode & 0o777 == 0o600
