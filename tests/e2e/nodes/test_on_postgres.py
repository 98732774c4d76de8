"""The commands on PostgreSQL: nothing is made or changed without being asked for."""

from pathlib import Path
from uuid import UUID

import httpx
from cryptography.fernet import Fernet

from infrastructure.failures import ExitCode
from tests.support.processes import SECRET, bearer, connection_line, running, unplug

USER, CONNECTION = UUID(int=7), UUID(int=1)
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
DISCONNECT = "mutation($id: ID!) { disconnectProvider(input: {connectionId: $id}) { __typename } }"


def test_an_outdated_schema_is_refused_with_the_command_to_run(
    tmp_path: Path, postgres_url: str
) -> None:
    settings = {"DATABASE_URL": postgres_url, "TOKEN_SECRET": SECRET, "CREDENTIALS_KEYS": OLD}
    for command in (("serve", "--port", "0"), ("import", "-"), ("events",), ("rotate-keys",)):
        done = unplug(*command, cwd=tmp_path, stdin="", **settings)
        assert done.returncode == ExitCode.SCHEMA_OUTDATED
        assert "unplug migrate" in done.stderr
        assert "Traceback" not in done.stderr


def test_the_whole_way(tmp_path: Path, postgres_url: str) -> None:
    settings = {"DATABASE_URL": postgres_url, "CREDENTIALS_KEYS": OLD}
    migrated = unplug("migrate", cwd=tmp_path, **settings)
    assert (migrated.returncode, migrated.stderr) == (0, "")
    assert "up to date" in unplug("migrate", cwd=tmp_path, **settings).stdout
    lines = [connection_line(USER, CONNECTION), "rubbish\n", connection_line(USER)]
    imported = unplug("import", "-", cwd=tmp_path, stdin="".join(lines), **settings)
    assert imported.stdout == "2 imported, 0 already there, 1 bad lines\n"
    assert imported.returncode == 1

    with running(tmp_path, DATABASE_URL=postgres_url) as server:
        response = httpx.post(
            server.graphql,
            json={"query": DISCONNECT, "variables": {"id": str(CONNECTION)}},
            headers={"Authorization": f"Bearer {bearer(USER)}"},
        )
        assert "DisconnectProviderSuccess" in response.text
        keys = f"{NEW},{OLD}"
        rotated = unplug(
            "rotate-keys", cwd=tmp_path, DATABASE_URL=postgres_url, CREDENTIALS_KEYS=keys
        )
        assert (rotated.returncode, rotated.stdout) == (0, "1 re-encrypted, 0 unreadable\n")

    shown = unplug("events", cwd=tmp_path, DATABASE_URL=postgres_url)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert [line.split('"')[3] for line in shown.stdout.splitlines()] == [
        "ProviderDisconnectionAttempted",
        "ProviderDisconnectionSucceeded",
    ]
    assert list(tmp_path.iterdir()) == []
