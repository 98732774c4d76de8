"""The files of `docs/deploy` do what the guide says: each is run, or checked by its own program."""

import asyncio
import functools
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest
from cryptography.fernet import Fernet

from infrastructure.observability.metrics import Metrics
from tests.support.network.raw_socket import raw_socket
from tests.support.processes import SECRET, Server, bearer, connection_line, running, unplug
from tests.support.servers.deployment import DEPLOY
from tests.support.servers.postgres import PostgresServer, postgres_programs
from tests.support.servers.process import free_port
from tests.support.servers.proxies import deployed
from tests.support.woken import eventually

USER, CONNECTION = UUID(int=7), UUID(int=1)
KEY = Fernet.generate_key().decode()
QUERY = "{ eventCursor }"
MUTATION = "mutation($id: ID!) { disconnectProvider(input: {connectionId: $id}) { __typename } }"


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed; it is in your system's package `systemd`")
    text = (DEPLOY / "unplug@.service").read_text()
    program = tmp_path / "unplug"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "unplug@8000.service"
    unit.write_text(text.replace("/opt/unplug/.venv/bin/unplug", str(program)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_alerts_are_about_metrics_that_exist() -> None:
    families = {family.name: family for family in Metrics().registry.collect()}
    text = (DEPLOY / "alerts.yml").read_text()
    named = set(re.findall(r"\bunplug_\w+", text))
    for name in named:
        assert re.sub(r"_(total|bucket|count|sum)$", "", name) in families, name
    assert text.count("- alert:") == text.count("expr:") == text.count("summary:")


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


@contextmanager
def two_nodes(folder: Path, database: str) -> Iterator[tuple[Server, Server]]:
    settings = {"DATABASE_URL": database, "CREDENTIALS_KEYS": KEY}
    unplug("migrate", cwd=folder, DATABASE_URL=database)
    unplug("import", "-", cwd=folder, stdin=connection_line(USER, CONNECTION), **settings)
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(
                running(folder, "serve", SERVICE_ADDRESS=f"127.0.0.1:{free_port()}", **settings)
            )
            for _ in range(2)
        )
        yield first, second


@asynccontextmanager
async def load(url: str, statuses: Counter[int]) -> AsyncIterator[None]:
    """Queries on a few connections, one after another, as browsers and apps send them."""
    stop = asyncio.Event()

    async def ask(client: httpx.AsyncClient) -> None:
        while not stop.is_set():
            response = await client.post(url, json={"query": QUERY})
            statuses[response.status_code] += 1
            assert "errors" not in response.json(), response.text
            await asyncio.sleep(0.02)

    headers = {"authorization": f"Bearer {bearer(USER)}"}
    async with httpx.AsyncClient(headers=headers, timeout=20) as client:
        tasks = [asyncio.create_task(ask(client)) for _ in range(4)]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks)


async def answered(statuses: Counter[int], more: int) -> None:
    """Until that many more queries were answered."""
    before = statuses.total()
    await eventually(lambda: statuses.total() >= before + more, within=30)


def served(node: Server) -> int:
    """How many operations it has logged."""
    return [entry["event"] for entry in node.log].count("operation")


def has_served_more(node: Server, than: int) -> bool:
    return served(node) > than


def port_of(server: Server) -> int:
    return int(server.url.rpartition(":")[2])


@pytest.mark.parametrize("proxy", ["nginx", "haproxy"])
async def test_a_rolling_deploy_behind_a_proxy(
    proxy: str, postgres_url: str, tmp_path: Path
) -> None:
    statuses: Counter[int] = Counter()
    with (
        two_nodes(tmp_path, postgres_url) as nodes,
        deployed(proxy, (port_of(nodes[0]), port_of(nodes[1]))) as port,
    ):
        url = f"http://127.0.0.1:{port}/graphql"
        async with load(url, statuses):
            for node in nodes:
                await answered(statuses, 50)
                assert await asyncio.to_thread(node.stop) == 0
                await answered(statuses, 50)
                before = served(node)
                await asyncio.to_thread(node.start)
                await eventually(functools.partial(has_served_more, node, before), within=30)
    assert set(statuses) == {200}, statuses


@pytest.mark.parametrize("proxy", ["nginx", "haproxy"])
async def test_the_wire_behind_a_proxy_and_what_stays_private(
    proxy: str, postgres_url: str, tmp_path: Path
) -> None:
    service = unplug(
        "token",
        "--service",
        "sync",
        "--scope",
        "connections:read",
        cwd=tmp_path,
        TOKEN_SECRET=SECRET,
    ).stdout.strip()
    with (
        two_nodes(tmp_path, postgres_url) as nodes,
        deployed(proxy, (port_of(nodes[0]), port_of(nodes[1]))) as port,
    ):
        origin = f"http://127.0.0.1:{port}"
        async with raw_socket(port) as socket:
            await socket.init(bearer(USER))
        async with httpx.AsyncClient(timeout=20) as client:
            headers = {"authorization": f"Bearer {service}"}
            answer = await client.post(
                f"{origin}/graphql", json={"query": "{ __typename }"}, headers=headers
            )
            assert answer.status_code == 401
            assert (await client.get(f"{origin}/metrics")).status_code == 404
            large = {"authorization": f"Bearer {bearer(USER, padding='x' * 12_000)}"}
            answer = await client.post(f"{origin}/graphql", json={"query": QUERY}, headers=large)
            assert answer.status_code == 200
