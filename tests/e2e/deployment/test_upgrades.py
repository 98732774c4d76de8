"""A database that version 1 wrote: upgraded with its data, and brought back."""

import re
import sqlite3
import subprocess
from contextlib import closing
from uuid import UUID

import pytest

from infrastructure.failures import ExitCode
from tests.e2e.deployment.databases import Database, ask
from tests.support.network.raw_http import event_data, raw_response
from tests.support.processes import bearer, running, unplug
from tests.support.servers.postgres import postgres_programs
from tests.support.version_1 import ALICE, BOB, CURSORS, DUMPS, KEY
from tests.support.woken import eventually

DISCONNECTED, ACTIVE, EXPIRED, OF_BOB = (UUID(int=n) for n in (0x101, 0x102, 0x103, 0x201))
STATE = "{ connectedProviders { edges { node { id status alias } } } }"
EVENTS = (
    "query ($after: String) { providerEvents(after: $after) { edges { node { id __typename } } } }"
)
DISCONNECT = "mutation ($id: ID!) { disconnectProvider(input: {connectionId: $id}) { __typename } }"
STREAM = "subscription ($after: String) { providerEvents(after: $after) { position } }"
ATTEMPT = ["ProviderDisconnectionAttempted", "ProviderDisconnectionSucceeded"]
FAILED = ["ProviderDisconnectionAttempted", "ProviderDisconnectionFailed"]


@pytest.fixture
def of_version_1(database: Database) -> Database:
    """The same database, with what that version wrote."""
    dump = DUMPS / f"{database.kind}.sql"
    if database.owner is None:
        with closing(sqlite3.connect(database.folder / "unplug.sqlite3")) as db:
            db.executescript(dump.read_text())
    else:
        psql = str(postgres_programs() / "psql")
        options = ("-Xq", "-v", "ON_ERROR_STOP=1", "-f", str(dump))
        subprocess.run([psql, *options, database.owner], check=True, capture_output=True)
    return database


def event_ids(database: Database) -> list[str]:
    """Alice's, as version 1 has dumped them, by position."""
    dumped = (DUMPS / f"{database.kind}.sql").read_text()
    row = rf"^.*?([0-9a-f-]{{36}})\W+{ALICE}\W+(\d+)\W+(?:attempted|succeeded|failed)\W"
    found = re.findall(row, dumped, re.MULTILINE)
    return [event_id for event_id, _ in sorted(found, key=lambda item: int(item[1]))]


async def test_an_upgrade_keeps_the_data(of_version_1: Database) -> None:
    database, cursor = of_version_1, CURSORS[of_version_1.kind]
    settings = {"DATABASE_URL": database.url, "CREDENTIALS_KEYS": KEY}
    database.back_up()
    database.migrate()
    with running(database.folder, **settings) as server:

        def kinds(after: str | None = None) -> list[str]:
            edges = ask(server, ALICE, EVENTS, after=after)["data"]["providerEvents"]["edges"]
            return [edge["node"]["__typename"] for edge in edges]

        def connections() -> dict[str, object]:
            edges = ask(server, ALICE, STATE)["data"]["connectedProviders"]["edges"]
            return {
                edge["node"]["id"]: (edge["node"]["status"], edge["node"]["alias"])
                for edge in edges
            }

        assert connections() == {
            str(DISCONNECTED): ("DISCONNECTED", "My IRA"),
            str(ACTIVE): ("ACTIVE", None),
            str(EXPIRED): ("EXPIRED", None),
        }
        interrupted = FAILED if database.kind == "postgres" else []
        await eventually(lambda: kinds() == FAILED + ATTEMPT + interrupted)
        edges = ask(server, ALICE, EVENTS)["data"]["providerEvents"]["edges"]
        before = event_ids(database)
        assert [edge["node"]["id"] for edge in edges][: len(before)] == before

        port = int(server.url.rpartition(":")[2])
        after = {"after": cursor}
        async with raw_response(
            port, bearer(ALICE), "text/event-stream", STREAM, variables=after
        ) as stream:
            answer = ask(server, ALICE, DISCONNECT, id=str(ACTIVE))
            assert answer["data"]["disconnectProvider"]["__typename"].endswith("Success")
            last = 6 + len(interrupted)
            body = await stream.until(f'"position":{last}'.encode())
        positions = [data["data"]["providerEvents"]["position"] for data in event_data(body)]
        assert positions == list(range(5, last + 1))
        assert kinds(cursor) == interrupted + ATTEMPT
    done = unplug("rotate-keys", cwd=database.folder, **settings)
    assert (done.returncode, done.stdout) == (0, "0 re-encrypted, 0 unreadable\n")


def test_a_version_that_is_brought_back_finds_its_database(of_version_1: Database) -> None:
    database = of_version_1
    settings = {"DATABASE_URL": database.url, "CREDENTIALS_KEYS": KEY}
    before = content(database)
    database.back_up()
    database.migrate()
    with running(database.folder, **settings) as server:
        ask(server, BOB, DISCONNECT, id=str(OF_BOB))
    assert content(database) != before

    database.restore()

    assert content(database) == before
    done = unplug("events", cwd=database.folder, DATABASE_URL=database.url)
    assert done.returncode == ExitCode.SCHEMA_OUTDATED
    database.migrate()
    with running(database.folder, **settings) as server:
        answer = ask(server, BOB, DISCONNECT, id=str(OF_BOB))
        assert answer["data"]["disconnectProvider"]["__typename"].endswith("Success")


def content(database: Database) -> str:
    """The whole database as text."""
    if database.owner is None:
        with closing(sqlite3.connect(database.folder / "unplug.sqlite3")) as db:
            return "\n".join(db.iterdump())
    command = [str(postgres_programs() / "pg_dump"), "--no-comments", database.owner]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
