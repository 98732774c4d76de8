"""A SQLite file, or a PostgreSQL database with the guide's roles."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from tests.e2e.deployment.guide import run_commands
from tests.support.processes import Server, bearer, unplug


@dataclass(frozen=True, kw_only=True)
class Database:
    """What operators do with it; in a folder of its own."""

    kind: str
    folder: Path
    url: str
    owner: str | None = None

    def migrate(self) -> None:
        done = unplug("migrate", cwd=self.folder, DATABASE_URL=self.owner or self.url)
        assert (done.returncode, done.stderr) == (0, "")

    def back_up(self) -> None:
        """While servers run."""
        run_commands("pg_dump" if self.owner else "sqlite3", self.folder, self.owner)

    def restore(self) -> None:
        """With all servers stopped."""
        run_commands("psql" if self.owner else "rm", self.folder, self.owner)


def ask(server: Server, user_id: UUID, query: str, **variables: object) -> Any:  # noqa: ANN401 (JSON)
    """The whole answer to a user."""
    headers = {"authorization": f"Bearer {bearer(user_id)}"}
    body = {"query": query, "variables": variables}
    return httpx.post(server.graphql, json=body, headers=headers).json()
