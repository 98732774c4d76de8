"""A database as the guide sets it up."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.deployment.databases import Database
from tests.support.servers.deployment import DEPLOY
from tests.support.servers.postgres import PostgresServer, postgres_programs


@pytest.fixture
def roles(postgres_server: PostgresServer) -> Iterator[tuple[str, str]]:
    """URLs of the owner and of the server, made by the guide's SQL; nothing is left of them."""
    admin = postgres_server.url("postgres")
    passwords = ["-v", "owner_password=owner-pw", "-v", "password=pw"]
    psql = [str(postgres_programs() / "psql"), "-Xq", *passwords]
    subprocess.run(
        [*psql, "-d", admin, "-f", str(DEPLOY / "postgresql.sql")],
        check=True,
        capture_output=True,
        text=True,
    )
    port = urlsplit(admin).port
    yield (
        f"postgres://unplug_owner:owner-pw@127.0.0.1:{port}/unplug",
        f"postgres://unplug:pw@127.0.0.1:{port}/unplug",
    )
    postgres_server.drop_database("unplug")
    for role in ("unplug", "unplug_owner"):
        postgres_server.execute(f"DROP ROLE {role}", "postgres")


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """Empty, without a schema."""
    if request.param == "sqlite":
        return Database(kind="sqlite", folder=tmp_path, url="sqlite://unplug.sqlite3")
    owner, server = request.getfixturevalue("roles")
    return Database(kind="postgres", folder=tmp_path, url=server, owner=owner)
