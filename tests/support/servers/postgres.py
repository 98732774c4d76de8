"""A real PostgreSQL, from its wheel or as it is installed."""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.secrecy import without_secrets
from tests.support.servers.process import STARTS_WITHIN, UNPRIVILEGED, free_port, wait_until


class PostgresServer:
    """A PostgreSQL cluster in a temporary folder, reachable over TCP and a Unix socket.

    It comes from `pgserver` where that has a wheel, else from an installed PostgreSQL. PostgreSQL
    refuses to run as root: there it runs as an unprivileged user. It does without fsync unless it
    is to be `durable`: tests kill processes, not machines. A standby follows another server, and
    is read-only.
    """

    def __init__(
        self,
        *,
        durable: bool = False,
        connections: int = 200,
        standby_of: "PostgresServer | None" = None,
    ) -> None:
        self._connections = connections
        self._fsync = "on" if durable else "off"
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="unplug-postgres-"))
        self._programs = postgres_programs()
        self._as_user: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:
            self._as_user = {"user": UNPRIVILEGED, "extra_groups": []}
            shutil.chown(self._folder, UNPRIVILEGED)
            self._programs = _reachable(self._programs, self._folder)
        if standby_of is None:
            self._run("initdb", "-A", "trust", "-E", "utf8", "-U", "postgres", "--no-sync")
        else:
            self._run("pg_basebackup", "-R", "-c", "fast", "-d", standby_of.url("postgres"))

    @property
    def running(self) -> bool:
        return self._process is not None

    def url(self, database: str, *, port: int | None = None) -> str:
        """Over TCP; of a proxy in front of it when `port` is given."""
        return f"postgres://postgres@127.0.0.1:{port or self.port}/{database}"

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(str(self._programs / "postgres"), "-D", str(self._folder / "data")),
                    *("-h", "127.0.0.1", "-p", str(self.port), "-k", str(self._folder)),
                    *("-c", f"fsync={self._fsync}", "-c", f"max_connections={self._connections}"),
                ],
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=self._folder,
                **self._as_user,
            )
        wait_until(self._is_ready, self._process)

    def stop(self, *, crash: bool = False) -> None:
        """Cuts every client off; a crash skips the shutdown checkpoint as well."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT if crash else signal.SIGINT)
            self._process.wait(STARTS_WITHIN)
            self._process = None

    def signal_all(self, number: signal.Signals) -> None:
        """To the server and all its processes."""
        if self._process is None:
            return
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        for pid in [self._process.pid, *map(int, children.read_text().split())]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def remove(self) -> None:
        self.stop(crash=True)
        without_secrets(self.log())
        shutil.rmtree(self._folder, ignore_errors=True)

    def log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")

    def create_database(self, name: str) -> str:
        """Makes an empty database and returns its URL."""
        self.execute(f'CREATE DATABASE "{name}"', "postgres")
        return self.url(name)

    def drop_database(self, name: str) -> None:
        self.execute(f'DROP DATABASE "{name}" WITH (FORCE)', "postgres")

    def execute(self, sql: str, database: str) -> str:
        """Runs one statement as an administrator would; rows as unaligned text."""
        psql = self._programs / "psql"
        return subprocess.run(
            [str(psql), "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql, self.url(database)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def _is_ready(self) -> bool:
        command = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p"]
        return subprocess.run([*command, str(self.port)], check=False).returncode == 0

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), "-D", str(self._folder / "data"), *arguments],
            check=True,
            capture_output=True,
            cwd=self._folder,
            **self._as_user,
        )


def dump(url: str) -> bytes:
    """What an operator's pg_dump writes."""
    command = [str(postgres_programs() / "pg_dump"), "-Fc", url]
    return subprocess.run(command, check=True, capture_output=True).stdout


def restore(url: str, dumped: bytes) -> None:
    """What pg_restore makes of it, in place of what is there."""
    options = ("--clean", "--if-exists", "--single-transaction", "--exit-on-error")
    command = [str(postgres_programs() / "pg_restore"), *options, "-d", url]
    subprocess.run(command, input=dumped, check=True, capture_output=True)


def postgres_programs() -> Path:
    """The folder of PostgreSQL's executables; skips the test where there is none."""
    bundled = importlib.util.find_spec("pgserver")
    if bundled is not None and bundled.origin is not None:
        return Path(bundled.origin).parent / "pginstall" / "bin"
    installed = [
        *Path("/usr/lib/postgresql").glob("*/bin"),
        *Path("/opt/homebrew/opt").glob("postgresql*/bin"),
    ]
    on_path = shutil.which("postgres")
    if on_path is None and not installed:
        pytest.skip("PostgreSQL is not installed, and on this Python no wheel brings it.")
    return Path(on_path).resolve().parent if on_path else max(installed)


def _reachable(programs: Path, folder: Path) -> Path:
    """Where an unprivileged user may run the programs: a copy if they are in a closed place."""
    if all(parent.stat().st_mode & 0o001 for parent in programs.resolve().parents):
        return programs
    copy = folder / "programs"
    shutil.copytree(programs.parent, copy)
    return copy / "bin"
