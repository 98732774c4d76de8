"""Figures 1 to 4: what a mutation costs."""

import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from uuid import UUID

from benchmarks.databases import Database, Sqlite
from benchmarks.figure import Row, Settings, alternating
from benchmarks.http_load import Plan, Report
from benchmarks.processes import Server, free_port, http_load, running, serving
from benchmarks.unplug import EXECUTABLE

MUTATION = """
mutation Disconnect($id: ID!) {
  disconnectProvider(input: {connectionId: $id}) {
    __typename
    ... on DisconnectProviderSuccess {
      attemptId
      cursor
      connectedProvider { id status disconnectedAt provider { slug } }
    }
    ... on Error { message }
  }
}
"""
USERS = 256
DURABLE_AT_MOST, STRAIGHTFORWARD_AT_MOST = 6_000, 800
EXPECTED = '"__typename":"DisconnectProviderSuccess"'


def mutate(
    server: Server,
    settings: Settings,
    connections: int,
    ids: list[str],
    tokens: list[str],
    *,
    repeat: bool = False,
    rate: float = 0.0,
) -> Report:
    """Load of mutations, each on another connection, or in turn on all of them without end."""
    return http_load(
        Plan(
            port=server.port,
            connections=connections,
            seconds=settings.seconds,
            warm_up=settings.warm_up,
            tokens=tokens,
            bodies=[json.dumps({"query": MUTATION, "variables": {"id": id_}}) for id_ in ids],
            expect=EXPECTED,
            repeat=repeat,
            rate=rate,
        )
    )


def limit(settings: Settings, connections: int = 16) -> Report:
    """The floor of most figures."""
    with serving("benchmarks.floors:limit") as server:
        return _no_op(server, settings, connections)


def _no_op(server: Server, settings: Settings, connections: int) -> Report:
    ids = [str(UUID(int=n)) for n in range(USERS)]
    return mutate(server, settings, connections, ids, ["no-op"], repeat=True)


def _product(settings: Settings, connections: int = 16) -> Report:
    port = free_port()
    with running([sys.executable, "-m", "benchmarks.product", str(port)], port) as server:
        return _no_op(server, settings, connections)


def graphql_path(settings: Settings) -> list[Row]:
    """Figure 3: the wire and GraphQL alone."""
    floor, value = alternating(
        settings.rounds,
        lambda: limit(settings).rate,
        lambda: _product(settings).rate,
    )
    return [
        Row(
            name="3 GraphQL path, no-op handler, 16 connections",
            unit="requests/s",
            value=value,
            floor=floor,
            floor_name="limit",
            target=1.3,
            at="least",
        )
    ]


def durable(settings: Settings, database: Database) -> list[Row]:
    """Figures 1 and 2: acknowledged means committed."""
    number, targets = ("1", (0.45, 0.55)) if database.embedded else ("2", (0.5, 0.6))
    rows = []
    for connections, target in zip((16, 64), targets, strict=True):
        runs = [partial(_limit_rate, settings, connections)]
        runs.append(partial(_durable_rate, settings, connections, database))
        if database.embedded:
            runs.append(partial(_straightforward_rate, settings, connections))
        floor, value, *plain = alternating(settings.rounds, *runs)
        row = Row(
            name=f"{number} Durable mutations, {database.name}, {connections} connections",
            unit="requests/s",
            value=value,
            floor=floor,
            floor_name="limit",
            target=target,
            at="least",
        )
        rows.append(row)
        rows += [replace(row, floor=f, floor_name="straightforward", target=6.0) for f in plain]
    return rows


def latency(settings: Settings) -> list[Row]:
    """Figure 4: with one client, group commit must add no delay."""
    direct, grouped = alternating(
        settings.rounds,
        partial(_latency, settings, (sys.executable, "-m", "benchmarks.direct")),
        partial(_latency, settings, (str(EXECUTABLE),)),
    )
    return [
        Row(
            name="4 One client's durable mutation, SQLite, p50",
            unit="ms",
            value=grouped,
            floor=direct,
            floor_name="direct writes",
            target=1.15,
            at="most",
        )
    ]


def _latency(settings: Settings, program: Sequence[str]) -> float:
    count = int(DURABLE_AT_MOST * (settings.seconds + settings.warm_up))
    with (
        Sqlite().installation(users=USERS, connections=count) as unplug,
        unplug.serving(program) as server,
    ):
        return mutate(server, settings, 1, unplug.connection_ids, unplug.tokens).p50


def _limit_rate(settings: Settings, connections: int) -> float:
    return limit(settings, connections).rate


def _durable_rate(settings: Settings, connections: int, database: Database) -> float:
    count = int(DURABLE_AT_MOST * (settings.seconds + settings.warm_up))
    with (
        database.installation(users=USERS, connections=count) as unplug,
        unplug.serving() as server,
    ):
        ids = unplug.connection_ids
        return mutate(server, settings, connections, ids, unplug.tokens).rate


@contextlib.contextmanager
def straightforward(users: int, each: int) -> Iterator[tuple[Server, list[str]]]:
    """The plain version, with a new database, and its connections' ids, one user after another."""
    app = "benchmarks.straightforward:app"
    with (
        tempfile.TemporaryDirectory() as directory,
        serving(app, f"{directory}/plain.sqlite3", str(users), str(each)) as server,
    ):
        ids = [str(UUID(int=user * 1000 + n)) for n in range(each) for user in range(1, users + 1)]
        yield server, ids


def _straightforward_rate(settings: Settings, connections: int) -> float:
    each = int(STRAIGHTFORWARD_AT_MOST * (settings.seconds + settings.warm_up)) // USERS + 1
    with straightforward(USERS, each) as (server, ids):
        return mutate(server, settings, connections, ids, ["no request"]).rate
