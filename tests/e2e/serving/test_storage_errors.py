"""What a database says in its errors reaches no client, no event and no log."""

import json
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import httpx
import jwt
import pytest
from cryptography.fernet import Fernet

from tests.support.processes import SECRET, Server, bearer, connection_line, unplug
from tests.support.servers.postgres import postgres_programs
from tests.support.servers.process import free_port

USER, CONNECTION, OTHER = UUID(int=7), UUID(int=1), UUID(int=2)
WORDS = "hunter2"
DISCONNECT = """mutation ($id: ID!) { disconnectProvider(input: {connectionId: $id}) {
  __typename ... on Error { message } } }"""
READS = (
    "{ connectedProviders { edges { node { id } } } }",
    "{ providerEvents { edges { cursor } } }",
)
STREAM = "subscription { providerEvents { id } }"
REPORT = """mutation ($input: ReportAccessLostInput!) { reportAccessLost(input: $input) {
  __typename ... on Error { message } } }"""
TABLES = ("provider_connections", "provider_events", "log_heads")

SQLITE_CHANGES = f"""
CREATE TRIGGER refuse_change BEFORE UPDATE ON provider_connections
BEGIN SELECT RAISE(ABORT, '{WORDS}'); END;
"""
SQLITE_READS = """
ALTER TABLE {table} RENAME TO {table}_of_old;
CREATE VIEW {table} AS SELECT {words} FROM {words};
"""
POSTGRES_CHANGES = f"""
CREATE FUNCTION refuse() RETURNS boolean LANGUAGE plpgsql AS
    $$ BEGIN RAISE '{WORDS}'; END $$;
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE '{WORDS}'; END $$;
CREATE TRIGGER refuse_change BEFORE UPDATE ON provider_connections
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""
POSTGRES_READS = """
ALTER TABLE {table} RENAME TO {table}_of_old;
CREATE VIEW {table} AS SELECT * FROM {table}_of_old WHERE refuse();
"""


class Database:
    """A database that can be told to fail with certain words."""

    def __init__(self, url: str, run: Callable[[str], None], changes: str, reads: str) -> None:
        self.url = url
        self._run = run
        self._changes = changes
        self._reads = reads

    def refuse_changes(self) -> None:
        self._run(self._changes)

    def refuse_reads(self) -> None:
        for table in TABLES:
            self._run(self._reads.format(table=table, words=WORDS))


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "sqlite":

        def run_on_sqlite(sql: str) -> None:
            with closing(sqlite3.connect(tmp_path / "unplug.sqlite3")) as db:
                db.execute("PRAGMA legacy_alter_table = on")
                db.executescript(sql)

        return Database("sqlite://unplug.sqlite3", run_on_sqlite, SQLITE_CHANGES, SQLITE_READS)
    url = request.getfixturevalue("postgres_url")

    def run_on_postgres(sql: str) -> None:
        psql = str(postgres_programs() / "psql")
        command = [psql, "-Xq", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]
        subprocess.run(command, check=True, capture_output=True)

    return Database(url, run_on_postgres, POSTGRES_CHANGES, POSTGRES_READS)


@pytest.fixture
def server(database: Database, tmp_path: Path) -> Iterator[Server]:
    settings = {"DATABASE_URL": database.url, "CREDENTIALS_KEYS": Fernet.generate_key().decode()}
    unplug("migrate", cwd=tmp_path, **settings)
    lines = connection_line(USER, CONNECTION) + connection_line(USER, OTHER)
    assert unplug("import", "-", cwd=tmp_path, stdin=lines, **settings).returncode == 0
    with Server(tmp_path, SERVICE_ADDRESS=f"127.0.0.1:{free_port()}", **settings) as server:
        yield server


def test_drivers_words_stay_with_the_driver(
    server: Server, database: Database, tmp_path: Path
) -> None:
    answers: list[str] = []

    def ask(query: str, **variables: object) -> str:
        accepted = "text/event-stream" if query == STREAM else "application/json"
        headers = {"authorization": f"Bearer {bearer(USER)}", "accept": accepted}
        body = {"query": query, "variables": variables}
        answers.append(httpx.post(server.graphql, json=body, headers=headers).text)
        return answers[-1]

    def ask_as_service(query: str, variables: object) -> str:
        claims = {"sub": "sync", "exp": 4_000_000_000, "aud": "unplug-service"}
        token = jwt.encode(claims | {"scope": "connections:write"}, SECRET, "HS256")
        answers.append(
            httpx.post(
                f"{server.service_url}/graphql",
                json={"query": query, "variables": variables},
                headers={"authorization": f"Bearer {token}"},
            ).text
        )
        return answers[-1]

    database.refuse_changes()
    assert "DisconnectionFailed" in ask(DISCONNECT, id=str(CONNECTION))
    report = {"connectionId": str(OTHER), "credentialsVersion": 1, "status": "EXPIRED"}
    assert "CommandFailed" in ask_as_service(REPORT, {"input": report})
    recorded = ask(
        "{ providerEvents { edges { node { __typename ... on ProviderDisconnectionFailed"
        " { reason message } } } } }"
    )
    assert "DATABASE_ERROR" in recorded
    events = unplug("events", cwd=tmp_path, DATABASE_URL=database.url)
    assert len(events.stdout.splitlines()) == 2

    database.refuse_reads()
    assert "DisconnectionFailed" in ask(DISCONNECT, id=str(OTHER))
    for query in READS:
        assert "SERVICE_UNAVAILABLE" in ask(query)
    assert "SERVICE_UNAVAILABLE" in ask(STREAM)
    answers.append(httpx.get(f"{server.url}/readyz").text)
    printed = unplug("events", cwd=tmp_path, DATABASE_URL=database.url)
    assert printed.returncode != 0
    assert server.stop() == 0

    for text in (*answers, events.stdout, printed.stdout, printed.stderr, json.dumps(server.log)):
        assert WORDS not in text
