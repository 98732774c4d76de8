"""A database that can't be used is explained in a sentence, with what to do and without secrets."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.fernet import Fernet

from infrastructure.failures import ExitCode
from tests.support.processes import connection_line, unplug
from tests.support.servers.postgres import PostgresServer

PASSWORD = "hunter2"


@pytest.fixture(scope="module")
def roles(postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """Roles that lack something each."""
    access = Path(postgres_server.execute("SHOW hba_file", "postgres").strip())
    before = access.read_text()
    access.write_text(f"host all with_password 127.0.0.1/32 scram-sha-256\n{before}")
    for statement in (
        f"CREATE ROLE with_password LOGIN PASSWORD '{PASSWORD}'",
        "CREATE ROLE powerless LOGIN",
        "CREATE ROLE read_only LOGIN SUPERUSER",
        "ALTER ROLE read_only SET default_transaction_read_only = on",
        "SELECT pg_reload_conf()",
    ):
        postgres_server.execute(statement, "postgres")
    yield postgres_server
    access.write_text(before)
    for statement in (
        "DROP ROLE with_password, powerless, read_only",
        "SELECT pg_reload_conf()",
    ):
        postgres_server.execute(statement, "postgres")


@pytest.mark.parametrize(
    ("command", "url", "sentence"),
    [
        ("events", "postgres://with_password:wrong-hunter2@HOST/DB", "refuses the user or the"),
        ("migrate", "postgres://with_password:wrong-hunter2@HOST/DB", "refuses the user or the"),
        ("events", "postgres://unknown-hunter2@HOST/DB", "refuses the user"),
        ("events", "postgres://postgres@HOST/missing-hunter2", "no database of the name"),
        ("migrate", "postgres://postgres@HOST/missing-hunter2", "no database of the name"),
        ("migrate", "postgres://powerless@HOST/DB", "lacks a privilege"),
        ("migrate", "postgres://read_only@HOST/DB", "is read-only"),
        ("events", "postgres://postgres@HOST/DB?hunter2=on", "does not know an option"),
        ("events", "postgres://postgres@HOST/DB?sslmode=hunter2", "is not understood"),
        ("events", "postgres://postgres@HOST/DB?sslmode=require", "does not speak TLS"),
        ("events", "postgres://postgres:hunter2@unplug.invalid/DB", "can't be resolved"),
        ("events", "postgres://postgres:hunter2@127.0.0.1:1/DB", "No database listens"),
        ("events", "postgres:///DB?host=/hunter2", "names a file that is not there"),
    ],
)
def test_postgres(
    tmp_path: Path,
    roles: PostgresServer,
    postgres_url: str,
    command: str,
    url: str,
    sentence: str,
) -> None:
    database = postgres_url.rpartition("/")[2]
    url = url.replace("HOST", f"127.0.0.1:{roles.port}").replace("DB", database)
    key = Fernet.generate_key().decode()
    done = unplug(command, cwd=tmp_path, DATABASE_URL=url, CREDENTIALS_KEYS=key)
    assert (done.returncode, done.stdout) == (ExitCode.DATABASE_UNAVAILABLE, "")
    last = done.stderr.splitlines()[-1]
    assert sentence in last
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr


@pytest.mark.usefixtures("roles")
def test_a_table_that_may_not_be_read(tmp_path: Path, postgres_url: str) -> None:
    unplug("migrate", cwd=tmp_path, DATABASE_URL=postgres_url)
    url = postgres_url.replace("postgres@", "powerless@")
    done = unplug("events", cwd=tmp_path, DATABASE_URL=url)
    assert done.returncode == ExitCode.DATABASE_UNAVAILABLE
    assert "lacks a privilege" in done.stderr.splitlines()[-1]


def test_options_that_hosted_servers_put_into_their_urls(tmp_path: Path, postgres_url: str) -> None:
    url = f"{postgres_url}?sslmode=prefer&channel_binding=prefer&connect_timeout=10"
    done = unplug("migrate", cwd=tmp_path, DATABASE_URL=url)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_sqlite_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "unplug.sqlite3").write_bytes(b"hunter2" * 1000)
    for command in ("events", "migrate"):
        done = unplug(command, cwd=tmp_path)
        assert done.returncode == ExitCode.DATABASE_UNAVAILABLE
        assert "not a database" in done.stderr.splitlines()[-1]
        assert "hunter2" not in done.stderr


def test_a_sqlite_file_that_another_process_has_locked(tmp_path: Path) -> None:
    unplug("migrate", cwd=tmp_path)
    with closing(sqlite3.connect(tmp_path / "unplug.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        done = unplug("import", "-", cwd=tmp_path, stdin=connection_line(UUID(int=7)))
    assert done.returncode == ExitCode.DATABASE_UNAVAILABLE
    assert done.stderr.splitlines()[-1] == (
        "Another process has locked the database file; end it, or try again."
    )
