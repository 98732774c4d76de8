"""A full log ends its own user's commands, with an answer of their type, and no other user's."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from cryptography.fernet import Fernet

from tests.e2e.client import User
from tests.support.processes import connection_line, running, unplug

FULL, OTHER = UUID(int=7), UUID(int=8)
CONNECTIONS = {FULL: (UUID(int=1), UUID(int=2)), OTHER: (UUID(int=3),)}
MUTATION = (
    "mutation($id: ID!) { disconnectProvider(input: {connectionId: $id}) { __typename"
    " ... on DisconnectionFailed { attemptId } } }"
)
FILL = "UPDATE log_heads SET position = 2147483647"


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Connections of two users; the first one's log is full."""
    key = Fernet.generate_key().decode()
    given = {"CREDENTIALS_KEYS": key, "DATABASE_URL": "sqlite://unplug.sqlite3"}
    if request.param == "postgres":
        given["DATABASE_URL"] = request.getfixturevalue("postgres_url")
    unplug("migrate", cwd=tmp_path, **given)
    lines = [connection_line(user, id_) for user, ids in CONNECTIONS.items() for id_ in ids]
    unplug("import", "-", cwd=tmp_path, stdin="".join(lines), **given)
    with running(tmp_path, **given) as server:
        User(server, FULL).disconnect(CONNECTIONS[FULL][0])
    if request.param == "sqlite":
        with closing(sqlite3.connect(tmp_path / "unplug.sqlite3", isolation_level=None)) as db:
            db.execute(FILL)
    else:
        asyncio.run(execute(given["DATABASE_URL"], FILL))
    return given


async def execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(sql)
    await connection.close()


def test_only_the_user_whose_log_is_full_can_do_nothing_more(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    with running(tmp_path, **settings) as server:
        full, other = User(server, FULL), User(server, OTHER)
        refused = full.run(MUTATION, id=str(CONNECTIONS[FULL][1]))["data"]["disconnectProvider"]
        assert refused == {"__typename": "DisconnectionFailed", "attemptId": None}
        assert len(full.snapshot()["events"]) == 2
        succeeded = other.disconnect(CONNECTIONS[OTHER][0])
        assert succeeded["__typename"] == "DisconnectProviderSuccess"
