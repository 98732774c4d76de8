"""`kill -9` at every step between the commit and the outcome, on both databases.

Afterwards the tokens have ended, with one outcome, and nothing of the credentials is left.
"""

import contextlib
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, pairwise
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from cryptography.fernet import Fernet
from uuid_utils.compat import uuid7

from tests.e2e.revoking.client import User
from tests.e2e.revoking.killed import LEASE, STEPS
from tests.support.network.revoking_provider import Provider, marked
from tests.support.processes import Server, connection_line, running, unplug
from tests.support.servers.postgres import PostgresServer

OWNER = UUID(int=1)
USER = User(OWNER)
KEY = Fernet.generate_key().decode()
CATALOGUE = "providers.toml"
TOKENS = {"refresh_token": marked("refresh"), "access_token": marked("access")}
ASKED_TWICE = {"after its first answer", "after all answers"}


def add_connections(count: int, folder: Path, slug: str = "schwab", **settings: str) -> list[UUID]:
    found: list[UUID] = [uuid7() for _ in range(count)]
    credentials = {"type": "oauth2", "data": TOKENS}
    lines = (
        connection_line(OWNER, each, provider_slug=slug, credentials=credentials) for each in found
    )
    done = unplug("import", "-", cwd=folder, stdin="".join(lines), **settings)
    assert done.returncode == 0
    return found


def die_at(step: str, folder: Path, connection_id: UUID, **settings: str) -> None:
    """A node disconnects, begins the revocation, and is gone."""
    program = [sys.executable, "-m", "tests.e2e.revoking.killed", step]
    doomed = Server(folder, "serve", executable=program, PROVIDERS_FILE=CATALOGUE, **settings)
    with doomed:
        with contextlib.suppress(httpx.HTTPError):  # it may be gone before it answers
            USER.disconnect(doomed, connection_id)
        doomed.wait()


def assert_ended(server: Server, provider: Provider, connection_id: UUID, step: str) -> None:
    assert USER.settled(server, connection_id)["status"] == "ACCEPTED"
    assert len(USER.outcomes(server, connection_id)) == 1
    assert provider.tokens["access"] == (2 if step == "after all answers" else 1)
    assert provider.tokens["refresh"] == (2 if step in ASKED_TWICE else 1)


@pytest.mark.parametrize("step", STEPS)
def test_on_sqlite(step: str, tmp_path: Path) -> None:
    (connection_id,) = add_connections(1, tmp_path)
    with Provider() as provider:
        (tmp_path / CATALOGUE).write_text(provider.catalogue())
        die_at(step, tmp_path, connection_id)
        with running(tmp_path, PROVIDERS_FILE=CATALOGUE) as server:
            assert_ended(server, provider, connection_id, step)
    files = tmp_path.glob("unplug.sqlite3*")
    assert not any(b"gAAAA" in file.read_bytes() for file in files)


class Nodes:
    """Two of three nodes, which live on; and what they all work with."""

    def __init__(self, folder: Path, url: str, provider: Provider, nodes: list[Server]) -> None:
        self.folder = folder
        self.settings = {"DATABASE_URL": url, "CREDENTIALS_KEYS": KEY}
        self.provider = provider
        self._nodes = nodes

    @property
    def one(self) -> Server:
        return self._nodes[0]

    def disconnect_at_once(self, connection_ids: list[UUID]) -> None:
        """By turns on both."""
        with ThreadPoolExecutor(len(connection_ids)) as threads:
            list(threads.map(USER.disconnect, cycle(self._nodes), connection_ids))

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """They see nothing of what the third does."""
        for node in self._nodes:
            node.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for node in self._nodes:
                node.signal(signal.SIGCONT)


@pytest.fixture(scope="module")
def nodes(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Nodes]:
    folder = tmp_path_factory.mktemp("nodes")
    url = postgres_server.create_database("revocations_killed")
    settings = {"DATABASE_URL": url, "CREDENTIALS_KEYS": KEY}
    assert unplug("migrate", cwd=folder, **settings).returncode == 0
    with Provider() as provider, contextlib.ExitStack() as stack:
        tables = (provider.catalogue(), provider.catalogue("whole", ends="grant"))
        (folder / CATALOGUE).write_text("\n".join(tables))
        two = [
            stack.enter_context(running(folder, PROVIDERS_FILE=CATALOGUE, **settings))
            for _ in range(2)
        ]
        yield Nodes(folder, url, provider, two)
    postgres_server.drop_database("revocations_killed")


@pytest.mark.parametrize("step", STEPS)
def test_one_of_three_nodes(step: str, nodes: Nodes) -> None:
    (connection_id,) = add_connections(1, nodes.folder, **nodes.settings)
    nodes.provider.asked.clear()
    with nodes.stopped():
        die_at(step, nodes.folder, connection_id, **nodes.settings)

    assert_ended(nodes.one, nodes.provider, connection_id, step)
    asked = [each for each in nodes.provider.asked if each.token == "refresh"]
    for first, second in pairwise(asked):
        assert second.began - first.began > 0.8 * LEASE  # no two workers within a lease


def test_nodes_keep_one_pace(nodes: Nodes) -> None:
    """At most 10 requests a second and 4 at a time, as the catalogue's defaults have it."""
    ids = add_connections(6, nodes.folder, **nodes.settings)
    nodes.provider.asked.clear()

    nodes.disconnect_at_once(ids)

    assert {USER.settled(nodes.one, each)["status"] for each in ids} == {"ACCEPTED"}
    began = sorted(asked.began for asked in nodes.provider.asked)
    assert len(began) == 12
    for first, eleventh in zip(began, began[10:], strict=False):
        assert eleventh - first > 0.9
    for asked in nodes.provider.asked:
        others = [each for each in nodes.provider.asked if each.began <= asked.began < each.ended]
        assert len(others) <= 4


def test_the_last_two_of_a_grant_at_once(nodes: Nodes) -> None:
    """Whichever is last ends it; if neither is seen as alive, both do."""
    *ids, alive, last = add_connections(4, nodes.folder, "whole", **nodes.settings)
    nodes.provider.asked.clear()

    nodes.disconnect_at_once(ids)
    for each in ids:
        assert USER.settled(nodes.one, each)["status"] == "SHARED_GRANT"
    assert nodes.provider.asked == []  # the grant that is alive works

    nodes.disconnect_at_once([alive, last])
    statuses = {USER.settled(nodes.one, each)["status"] for each in (alive, last)}

    assert "ACCEPTED" in statuses
    assert statuses <= {"ACCEPTED", "SHARED_GRANT"}
    assert set(nodes.provider.tokens) == {"refresh"}  # it ends all the others
