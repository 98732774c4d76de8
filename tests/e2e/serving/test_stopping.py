"""SIGTERM ends a server within five seconds, also when its database does not answer."""

import asyncio
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
from cryptography.fernet import Fernet

from infrastructure.database.sqlite.connection import connect
from tests.support.processes import Server, bearer, connection_line, running, unplug
from tests.support.servers.postgres import PostgresServer

USER, CONNECTION = UUID(int=7), UUID(int=1)
MUTATION = (
    "mutation($id: ID!) { disconnectProvider(input: {connectionId: $id}) { __typename"
    " ... on DisconnectionFailed { attemptId message } } }"
)
QUERY = "{ connectedProviders { edges { node { id } } } }"
KEY = Fernet.generate_key().decode()
SECONDS = 5.0


def ask(server: Server, document: str, **variables: object) -> "asyncio.Task[httpx.Response]":
    async def asked() -> httpx.Response:
        headers = {"authorization": f"Bearer {bearer(USER)}"}
        async with httpx.AsyncClient(headers=headers, timeout=30) as client:
            body = {"query": document, "variables": variables}
            return await client.post(server.graphql, json=body)

    return asyncio.create_task(asked())


async def in_progress(server: Server) -> None:
    """Requests that were sent before have arrived when this one, sent later, is answered."""
    await asyncio.sleep(0)
    async with httpx.AsyncClient() as client:
        for _ in range(5):
            await client.get(f"{server.url}/healthz")


def in_doubt(response: httpx.Response) -> bool:
    """The attempt may be in the log."""
    failed = response.json()["data"]["disconnectProvider"]
    return failed["__typename"] == "DisconnectionFailed" and failed["attemptId"] is not None


async def stopped(server: Server) -> float:
    began = time.monotonic()
    assert await asyncio.to_thread(server.stop) == 0
    return time.monotonic() - began


async def test_a_sqlite_file_that_another_process_has_locked(tmp_path: Path) -> None:
    unplug("import", "-", cwd=tmp_path, stdin=connection_line(USER, CONNECTION))
    with (
        running(tmp_path) as server,
        closing(sqlite3.connect(tmp_path / "unplug.sqlite3", isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        command = ask(server, MUTATION, id=str(CONNECTION))
        await in_progress(server)

        assert await stopped(server) < SECONDS

        assert in_doubt(await command)


async def test_postgres_that_does_not_answer(tmp_path: Path, postgres_url: str) -> None:
    settings = {"DATABASE_URL": postgres_url, "CREDENTIALS_KEYS": KEY}
    unplug("migrate", cwd=tmp_path, **settings)
    line = connection_line(USER, CONNECTION)
    unplug("import", "-", cwd=tmp_path, stdin=line, **settings)
    patient = {"DATABASE_LOCK_TIMEOUT": "60", "DATABASE_STATEMENT_TIMEOUT": "61"}
    other = await asyncpg.connect(postgres_url)
    with running(tmp_path, **settings, **patient) as server:
        async with other.transaction():
            await other.execute("LOCK TABLE provider_connections IN ACCESS EXCLUSIVE MODE")
            command = ask(server, MUTATION, id=str(CONNECTION))
            query = ask(server, QUERY)
            await in_progress(server)

            assert await stopped(server) < SECONDS

            failed = (await command).json()["data"]["disconnectProvider"]
            assert (failed["__typename"], failed["attemptId"]) == ("DisconnectionFailed", None)
            cut = await query
            assert cut.status_code == 503
            assert cut.json()["errors"][0]["extensions"] == {"code": "INTERNAL_SERVER_ERROR"}
    await other.close()


async def test_postgres_that_stands_still(tmp_path: Path) -> None:
    database = PostgresServer()
    database.start()
    settings = {"DATABASE_URL": database.create_database("unplug"), "CREDENTIALS_KEYS": KEY}
    unplug("migrate", cwd=tmp_path, **settings)
    unplug("import", "-", cwd=tmp_path, stdin=connection_line(USER, CONNECTION), **settings)
    try:
        with running(tmp_path, **settings) as server:
            database.signal_all(signal.SIGSTOP)
            command = ask(server, MUTATION, id=str(CONNECTION))
            query = ask(server, QUERY)
            await in_progress(server)

            assert await stopped(server) < SECONDS

            failed = (await command).json()["data"]["disconnectProvider"]
            assert failed["__typename"] == "DisconnectionFailed"
            cut = await query
            assert cut.status_code == 503
            assert cut.json()["errors"][0]["extensions"] == {"code": "INTERNAL_SERVER_ERROR"}
    finally:
        database.signal_all(signal.SIGCONT)
        database.remove()


async def test_a_rewrite_that_would_take_longer_is_postponed(tmp_path: Path) -> None:
    unplug("import", "-", cwd=tmp_path, stdin=connection_line(USER, CONNECTION))
    with closing(connect(tmp_path / "unplug.sqlite3")) as db:
        db.execute("CREATE TABLE filler (data BLOB)")
        db.execute(
            "INSERT INTO filler WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n"
            " LIMIT 400000) SELECT zeroblob(1000) FROM n"
        )
    with running(tmp_path) as server:
        response = await ask(server, MUTATION, id=str(CONNECTION))
        assert response.json()["data"]["disconnectProvider"]["__typename"].endswith("Success")

        assert await stopped(server) < SECONDS

    events = [entry["event"] for entry in server.log]
    assert "purge_postponed" in events
    done = unplug("migrate", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    with closing(connect(tmp_path / "unplug.sqlite3")) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (0,)
