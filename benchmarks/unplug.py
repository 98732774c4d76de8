"""The product, as an operator runs it: its own executable, its own settings, its own import."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import jwt
from cryptography.fernet import Fernet

from benchmarks.processes import Server, free_port, running

EXECUTABLE = Path(sys.executable).with_name("unplug")
SECRET = "only for measurements on this machine, of no use elsewhere"
KEY = Fernet.generate_key().decode()


@dataclass(frozen=True, slots=True)
class Installation:
    """A database with users who have connections, each to be disconnected once.

    Connection `n` belongs to user `n % users`.
    """

    database_url: str
    directory: Path
    users: int
    connections: int

    @property
    def environment(self) -> dict[str, str]:
        """What the executable reads. It has bytecode, as packages that are installed have."""
        return os.environ | {
            "PYTHONDONTWRITEBYTECODE": "",
            "UNPLUG_DATABASE_URL": self.database_url,
            "UNPLUG_TOKEN_SECRET": SECRET,
            "UNPLUG_CREDENTIALS_KEYS": KEY,
            "UNPLUG_MAX_MUTATIONS_PER_SECOND": "1000000",
            "UNPLUG_MAX_ROWS_PER_SECOND": "1000000",
            "UNPLUG_MAX_SOCKETS": "100000",
            "UNPLUG_MAX_SOCKETS_PER_USER": "100000",
        }

    @property
    def connection_ids(self) -> list[str]:
        """All of them, in the order of their users."""
        return [str(UUID(int=_FIRST + n)) for n in range(self.connections)]

    @property
    def tokens(self) -> list[str]:
        """One for each user."""
        return [token(n) for n in range(self.users)]

    def prepare(self) -> None:
        """Migrates the database and imports the connections."""
        self.write_lines()
        self.run("migrate")
        self.run("import", str(self.lines))

    @property
    def lines(self) -> Path:
        """The file that is imported."""
        return self.directory / "connections.jsonl"

    def write_lines(self) -> None:
        """Makes that file."""
        with self.lines.open("w") as lines:
            lines.writelines(
                json.dumps(_line(n, self.users)) + "\n" for n in range(self.connections)
            )

    def remove_database(self) -> None:
        """Of SQLite, with all that lies beside it."""
        for file in self.directory.glob("unplug.sqlite3*"):
            file.unlink()

    def run(self, *arguments: str) -> None:
        """One command of the executable; raises when it fails."""
        subprocess.run(
            [EXECUTABLE, *arguments],
            env=self.environment,
            cwd=self.directory,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    @contextlib.contextmanager
    def serving(self, program: Sequence[str] = (str(EXECUTABLE),), **more: str) -> Iterator[Server]:
        """`unplug serve` on a free port of the loopback until the block ends."""
        port = free_port()
        command = [*program, "serve", "--port", str(port)]
        with running(command, port, self.environment | more, self.directory) as server:
            yield server

    @contextlib.contextmanager
    def serving_services(self) -> Iterator[Server]:
        """The same, and yields the services' port."""
        port, service_port = free_port(), free_port()
        environment = self.environment | {"UNPLUG_SERVICE_ADDRESS": f"127.0.0.1:{service_port}"}
        command = [str(EXECUTABLE), "serve", "--port", str(port)]
        with running(command, service_port, environment, self.directory) as server:
            yield server


def service_token() -> str:
    """A back end's token, good for a day."""
    claims = {
        "sub": "benchmark",
        "aud": "unplug-service",
        "scope": "connections:write",
        "exp": datetime.now(UTC) + timedelta(days=1),
    }
    return jwt.encode(claims, SECRET, algorithm="HS256")


def token(user: int) -> str:
    """A user's token, good for a day."""
    claims = {"sub": str(UUID(int=1 + user)), "exp": datetime.now(UTC) + timedelta(days=1)}
    return jwt.encode(claims, SECRET, algorithm="HS256")


_FIRST = 1_000_000


def _line(n: int, users: int) -> dict[str, object]:
    return {
        "id": str(UUID(int=_FIRST + n)),
        "user_id": str(UUID(int=1 + n % users)),
        "provider_id": str(UUID(int=1)),
        "provider_slug": "schwab",
        "status": "active",
        "credentials": {"type": "oauth2", "data": {"refresh_token": f"token-{n}" * 8}},
    }
