"""PostgreSQL's roles from the guide: they may do what is needed, and no more."""

import re
import subprocess
from pathlib import Path
from uuid import UUID

import httpx
from cryptography.fernet import Fernet

from tests.support.processes import bearer, connection_line, running, unplug
from tests.support.servers.postgres import postgres_programs

USER, CONNECTION = UUID(int=7), UUID(int=1)
KEY = Fernet.generate_key().decode()
MUTATION = "mutation($id: ID!) { disconnectProvider(input: {connectionId: $id}) { __typename } }"


def refused(url: str, sql: str) -> str:
    psql = str(postgres_programs() / "psql")
    done = subprocess.run(
        [psql, "-Xq", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0, sql
    return done.stderr


def test_roles_that_are_no_superusers_do_everything_and_no_more(
    roles: tuple[str, str], tmp_path: Path
) -> None:
    owner, server = roles
    settings = {"CREDENTIALS_KEYS": KEY, "DATABASE_URL": server}
    done = unplug("migrate", cwd=tmp_path, DATABASE_URL=owner)
    assert done.returncode == 0, done.stderr
    lines = connection_line(USER, CONNECTION)
    done = unplug("import", "-", cwd=tmp_path, stdin=lines, **settings)
    assert done.returncode == 0, done.stderr
    with running(tmp_path, "serve", **settings) as node:
        headers = {"authorization": f"Bearer {bearer(USER)}"}
        body = {"query": MUTATION, "variables": {"id": str(CONNECTION)}}
        answer = httpx.post(node.graphql, json=body, headers=headers).json()
        assert answer["data"]["disconnectProvider"]["__typename"] == "DisconnectProviderSuccess"
        assert httpx.get(f"{node.url}/readyz").json()["status"] == "ready"
    done = unplug("rotate-keys", cwd=tmp_path, **settings)
    assert done.returncode == 0, done.stderr
    done = unplug("events", cwd=tmp_path, **settings)
    assert len(done.stdout.splitlines()) == 2
    for sql in (
        "TRUNCATE provider_events",
        "DROP TABLE provider_events",
        "ALTER TABLE provider_events DISABLE TRIGGER ALL",
        "CREATE TABLE mine ()",
    ):
        assert re.search("permission denied|must be owner", refused(server, sql)), sql
    assert "permission denied" not in refused(server, "DELETE FROM provider_events")  # a trigger
