"""A key that credentials need, and that is missing, is named before anything is done without it."""

import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.fernet import Fernet

from infrastructure.failures import ExitCode
from infrastructure.security.credentials_cipher import fingerprint
from tests.support.processes import SECRET, connection_line, running, unplug

USER = UUID(int=7)
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
COMMANDS = (("import", "-"), ("rotate-keys",), ("serve", "--port", "0"))


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request: pytest.FixtureRequest) -> dict[str, str]:
    """A database with a credential that `OLD` encrypts, and the settings for it."""
    tmp_path: Path = request.getfixturevalue("tmp_path")
    url = (
        "sqlite://unplug.sqlite3"
        if request.param == "sqlite"
        else request.getfixturevalue("postgres_url")
    )
    given = {"DATABASE_URL": url, "TOKEN_SECRET": SECRET, "CREDENTIALS_KEYS": OLD}
    unplug("migrate", cwd=tmp_path, **given)
    done = unplug("import", "-", cwd=tmp_path, stdin=connection_line(USER), **given)
    assert (done.returncode, done.stderr) == (0, "")
    return given


def test_a_key_that_is_missing_from_the_settings(tmp_path: Path, settings: dict[str, str]) -> None:
    for command in COMMANDS:
        changed = settings | {"CREDENTIALS_KEYS": NEW}
        done = unplug(*command, cwd=tmp_path, stdin=connection_line(USER), **changed)
        assert (done.returncode, done.stdout) == (ExitCode.KEY_MISSING, "")
        message = done.stderr.splitlines()[-1]
        assert f"missing from UNPLUG_CREDENTIALS_KEYS: {fingerprint(OLD)}" in message
        assert OLD not in done.stderr
    with running(tmp_path, **settings):
        pass


def test_a_key_that_was_rotated_away_is_needed_no_more(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    both, new = ({"CREDENTIALS_KEYS": keys} for keys in (f"{NEW},{OLD}", NEW))
    assert unplug("rotate-keys", cwd=tmp_path, **settings | both).returncode == 0
    done = unplug("import", "-", cwd=tmp_path, stdin=connection_line(USER), **settings | new)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_key_that_is_lost_for_good_is_given_up(tmp_path: Path, settings: dict[str, str]) -> None:
    new = settings | {"CREDENTIALS_KEYS": NEW}
    done = unplug("rotate-keys", "--forget", fingerprint(OLD), cwd=tmp_path, **new)
    assert (done.returncode, done.stdout) == (ExitCode.FAILED, "0 re-encrypted, 1 unreadable\n")
    done = unplug("import", "-", cwd=tmp_path, stdin=connection_line(USER), **new)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_key_file_that_was_deleted_is_not_made_anew(tmp_path: Path) -> None:
    unplug("import", "-", cwd=tmp_path, stdin=connection_line(USER))
    file = tmp_path / "unplug.sqlite3.key"
    key = file.read_text()
    file.unlink()
    for command in COMMANDS:
        done = unplug(*command, cwd=tmp_path, stdin=connection_line(USER), TOKEN_SECRET=SECRET)
        assert (done.returncode, done.stdout) == (ExitCode.KEY_MISSING, "")
        assert f"missing from {file}: {fingerprint(key.strip())}" in done.stderr
        assert not file.exists()
    file.write_text(key)
    done = unplug("import", "-", cwd=tmp_path, stdin=connection_line(USER))
    assert (done.returncode, done.stderr) == (0, "")
    file.unlink()
    done = unplug("rotate-keys", "--forget", fingerprint(key.strip()), cwd=tmp_path)
    assert done.stdout == "0 re-encrypted, 2 unreadable\n"
    assert file.exists()


def test_credentials_that_are_older_than_the_record_of_their_key(tmp_path: Path) -> None:
    unplug("import", "-", cwd=tmp_path, stdin=connection_line(USER), CREDENTIALS_KEYS=OLD)
    with closing(sqlite3.connect(tmp_path / "unplug.sqlite3", isolation_level=None)) as db:
        db.execute("DELETE FROM credentials_keys")
    for keys, status in ((NEW, ExitCode.KEY_MISSING), (OLD, 0), (NEW, ExitCode.KEY_MISSING)):
        line = connection_line(USER)
        done = unplug("import", "-", cwd=tmp_path, stdin=line, CREDENTIALS_KEYS=keys)
        assert done.returncode == status
    assert fingerprint(OLD) in done.stderr
