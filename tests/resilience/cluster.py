"""The nodes and the servers that they run on, as an operator's supervisor would keep them up."""

import asyncio
import json
import signal
import sqlite3
import subprocess
from contextlib import closing
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

from tests.resilience.population import Population
from tests.resilience.setups import Setup
from tests.support.network.tcp_proxy import TcpProxy
from tests.support.processes import Server, unplug
from tests.support.servers.nats import NatsServer
from tests.support.servers.postgres import PostgresServer
from tests.support.servers.process import free_port

RESTART_TRIES = 30
TROUBLES = 12
SLOW_COMMIT = 0.15
CONNECTIONS = 60
"""A few more than the nodes and those who look after the database need."""
DAWDLING = """
CREATE TABLE dawdling (seconds float8);
INSERT INTO dawdling VALUES (0);
CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('dawdle.done', true), '') <> pg_current_xact_id()::text THEN
        PERFORM set_config('dawdle.done', pg_current_xact_id()::text, false);
        PERFORM pg_sleep(max(seconds)) FROM dawdling;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON provider_events
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dawdle();
"""


class Cluster:
    """Started by `async with`, and stopped in good order at the end."""

    def __init__(
        self,
        setup: Setup,
        folder: Path,
        population: Population,
        webhook: str | None = None,
        catalogue: str = "",
    ) -> None:
        self.setup = setup
        self._webhook = webhook
        self._catalogue = catalogue
        self.population = population
        self.file = folder / "unplug.sqlite3"
        self.postgres = PostgresServer(connections=CONNECTIONS) if setup.postgres else None
        self._standby: PostgresServer | None = None
        self.nats = NatsServer() if setup.nats else None
        self.proxy: TcpProxy | None = None
        self.nodes: list[Server] = []
        self.exit_statuses: list[int] = []
        self._folder = folder
        self._database_url = f"sqlite://{self.file}"

    async def __aenter__(self) -> Self:
        if self.nats is not None:
            await asyncio.to_thread(self.nats.start)
        if self.postgres is not None:
            await asyncio.to_thread(self.postgres.start)
            self._database_url = self.postgres.create_database("unplug")
            self.proxy = await TcpProxy(self.postgres.port).__aenter__()
        await asyncio.to_thread(self._fill)
        self.nodes = [
            Server(self._folder, SERVICE_ADDRESS=f"127.0.0.1:{free_port()}", **self._settings())
            for _ in range(self.setup.nodes)
        ]
        await asyncio.gather(*(asyncio.to_thread(node.start) for node in self.nodes))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for node in self.nodes:
            if node.running:
                node.signal(signal.SIGCONT)
                self.exit_statuses.append(await asyncio.to_thread(node.stop))
        if self.proxy is not None:
            await self.proxy.__aexit__(None, None, None)
        for server in (self._standby, self.postgres):
            if server is not None:
                await asyncio.to_thread(server.remove)
        if self.nats is not None:
            await asyncio.to_thread(self.nats.stop)

    def troubles(self) -> str:
        """The last warnings and errors in each node's log."""
        lines = (
            f"node {number}: {json.dumps(entry)}"
            for number, node in enumerate(self.nodes)
            for entry in [line for line in node.log if line.get("level") != "info"][-TROUBLES:]
        )
        return "\n".join(lines)

    async def restart(self, node: Server) -> None:
        """Again and again, when it comes up while its database is away."""
        for _ in range(RESTART_TRIES):
            try:
                await asyncio.to_thread(node.start)
            except RuntimeError:
                await asyncio.sleep(0.3)
            else:
                return
        raise TimeoutError("a node does not come up again")

    async def slow_commits(self, seconds: float) -> None:
        """From now on a transaction that appends to the log takes so long to commit."""
        if self.postgres is not None:
            await self._execute(f"UPDATE dawdling SET seconds = {seconds}")  # noqa: S608 (a number)

    async def resume_webhooks(self) -> None:
        """Nothing waits any more because nodes were stopped in the middle of requests."""
        await self.execute("UPDATE webhook_endpoints SET failures = 0, paused_until = NULL")

    async def execute(self, sql: str) -> None:
        """One statement, beside the nodes."""
        if self.postgres is not None:
            await self._execute(sql)
            return
        with closing(sqlite3.connect(self.file, timeout=60)) as db, db:
            db.execute(sql)

    async def age_attempts(self) -> None:
        """As if a minute had passed for every attempt that is open."""
        if self.postgres is not None:
            await self._execute(
                "UPDATE open_attempts SET opened_at = opened_at - interval '1 minute'"
            )

    async def configure(self, **settings: str | None) -> None:
        """Settings of PostgreSQL for all sessions, open ones included; None takes one back."""
        for name, value in settings.items():
            change = f"RESET {name}" if value is None else f"SET {name} = '{value}'"
            await self._execute(f"ALTER SYSTEM {change}")
        await self._execute("SELECT pg_reload_conf()")

    async def lock(self, user_id: UUID, seconds: float) -> None:
        """An open transaction holds one user's rows and head; on SQLite, the whole file."""
        if self.postgres is None:
            connect = partial(sqlite3.connect, timeout=60, isolation_level=None)
            with closing(connect(self.file, check_same_thread=False)) as db:
                # In a thread: a stopped node may hold the lock, and another fault lets it go on.
                await asyncio.to_thread(db.execute, "BEGIN IMMEDIATE")
                await asyncio.sleep(seconds)
            return
        rows = f"WHERE user_id = '{user_id}' FOR UPDATE"
        await self._execute(
            f"SELECT 1 FROM provider_connections {rows}; SELECT 1 FROM log_heads {rows};"  # noqa: S608
            f"SELECT pg_sleep({seconds})"
        )

    async def standby(self) -> PostgresServer:
        """Of the set-up's server; made when it is first asked for."""
        if self._standby is None:
            self._standby = await asyncio.to_thread(
                PostgresServer, connections=CONNECTIONS, standby_of=self._server()
            )
            await asyncio.to_thread(self._standby.start)
        return self._standby

    async def _execute(self, sql: str) -> None:
        """On PostgreSQL, once it is there: it may be in the middle of a restart."""
        for _ in range(RESTART_TRIES):
            try:
                await asyncio.to_thread(self._server().execute, sql, "unplug")
            except subprocess.CalledProcessError:
                await asyncio.sleep(0.3)
            else:
                return
        raise TimeoutError("the database does not come up again")

    def _server(self) -> PostgresServer:
        if self.postgres is None:
            raise RuntimeError("there is no server in this set-up")
        return self.postgres

    def _fill(self) -> None:
        (self._folder / "providers.toml").write_text(self._catalogue)
        (self._folder / "connections.jsonl").write_text(self.population.import_file())
        commands = [["migrate"], ["import", "connections.jsonl"]]
        if self._webhook is not None:
            commands.append(["webhooks", "add", self._webhook])
        for command in commands:
            done = unplug(*command, cwd=self._folder, **self._settings(direct=True))
            assert done.returncode == 0, done.stdout + done.stderr
        if self.postgres is not None:
            self.postgres.execute(DAWDLING, "unplug")

    def _settings(self, *, direct: bool = False) -> dict[str, str]:
        url = self._database_url
        if self.proxy is not None and self.postgres is not None and not direct:
            url = self.postgres.url("unplug", port=self.proxy.port)
        settings = {
            "DATABASE_URL": url,
            "CREDENTIALS_KEYS": self.population.key,
            "WAKE_UPS": "on" if self.setup.wake_ups else "off",
            "WEBHOOK_TIMEOUT": "2",
            "PROVIDERS_FILE": str(self._folder / "providers.toml"),
        }
        if self.nats is not None:
            settings["NATS_URL"] = self.nats.url
        return settings
