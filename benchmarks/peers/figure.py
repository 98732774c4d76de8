"""What is compared: rates of mutations, what they cost the processor, and delivery."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from benchmarks.databases import Database, Postgres, Sqlite
from benchmarks.figure import Row, Settings, alternating
from benchmarks.mutations import DURABLE_AT_MOST, EXPECTED, USERS, mutate
from benchmarks.peers.servers import of_subscriptions, on_postgres, on_sqlite
from benchmarks.processes import Server
from benchmarks.streams import COMMANDS, SUBSCRIBERS, fan_out
from benchmarks.unplug import Installation, token

PeerOn = Callable[[int, int], AbstractContextManager[Server]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides:
    """Both on one kind of database, and the ratios to reach at 16 and at 64 connections."""

    database: Database
    peer_on: PeerOn
    peer: str
    targets: tuple[float, float]


SIDES = (
    _Sides(
        database=Sqlite(),
        peer_on=on_sqlite,
        peer="graphql-yoga, node:sqlite",
        targets=(1.3, 1.4),
    ),
    _Sides(
        database=Postgres(),
        peer_on=on_postgres,
        peer="graphql-yoga, pg",
        targets=(2.0, 2.0),
    ),
)


def peers(settings: Settings) -> list[Row]:
    """The peers check no token, write no log and know no limit; both commit durably, twice."""
    rows = [row for sides in SIDES for row in _mutations(settings, sides)]
    return [*rows, _delivery(settings)]


def _mutations(settings: Settings, sides: _Sides) -> list[Row]:
    rows = []
    for connections, target in zip((16, 64), sides.targets, strict=True):
        measured: dict[str, list[_Run]] = {"peer": [], "ours": []}
        for _ in range(settings.rounds):
            measured["peer"].append(_peer(settings, connections, sides))
            measured["ours"].append(_ours(settings, connections, sides))
        name = f"{sides.database.name}, {connections} connections"
        row = Row(
            name=f"14 Durable mutations beside Node.js, {name}",
            unit="requests/s",
            value=median(run.rate for run in measured["ours"]),
            floor=median(run.rate for run in measured["peer"]),
            floor_name=sides.peer,
            target=target,
            at="least",
        )
        rows.append(row)
        if sides.database.embedded and connections == 64:
            rows.append(
                replace(
                    row,
                    name=f"14 Processor time of a mutation, {name}",
                    unit="µs",
                    value=median(run.cpu for run in measured["ours"]),
                    floor=median(run.cpu for run in measured["peer"]),
                    target=1.0,
                    at="most",
                )
            )
    return rows


@dataclass(frozen=True, slots=True)
class _Run:
    """`cpu` is the server's user and system time per mutation, in microseconds."""

    rate: float
    cpu: float


def _connections(settings: Settings) -> int:
    return int(DURABLE_AT_MOST * (settings.seconds + settings.warm_up))


def _ours(settings: Settings, connections: int, sides: _Sides) -> _Run:
    with (
        sides.database.installation(users=USERS, connections=_connections(settings)) as unplug,
        unplug.serving() as server,
    ):
        return _measured(settings, connections, server, unplug)


def _peer(settings: Settings, connections: int, sides: _Sides) -> _Run:
    count = _connections(settings)
    with sides.peer_on(USERS, count) as server:
        return _measured(settings, connections, server, Installation("", Path(), USERS, count))


def _measured(settings: Settings, connections: int, server: Server, unplug: Installation) -> _Run:
    """After a warm-up with connections of its own: each is disconnected once."""
    ids = unplug.connection_ids
    warm = int(DURABLE_AT_MOST * settings.warm_up) // USERS * USERS  # the next is the first user's
    once = replace(settings, seconds=settings.warm_up, warm_up=0.0)
    mutate(server, once, connections, ids[:warm], unplug.tokens)
    used = server.cpu()
    whole = replace(settings, warm_up=0.0)
    report = mutate(server, whole, connections, ids[warm:], unplug.tokens)
    return _Run(report.rate, (server.cpu() - used) / report.requests * 1e6)


def _delivery(settings: Settings) -> Row:
    floor, value = alternating(settings.rounds, _peer_delivers, _we_deliver)
    return Row(
        name=f"14 Delivery to {SUBSCRIBERS:,} subscribers beside Node.js",
        unit="frames/s",
        value=value,
        floor=floor,
        floor_name="graphql-yoga, graphql-ws",
        target=1.5,
        at="least",
    )


def _peer_delivers() -> float:
    with of_subscriptions() as server:
        return fan_out(server, "no request", ["1"], EXPECTED)


def _we_deliver() -> float:
    with Sqlite().installation(users=1, connections=COMMANDS) as unplug, unplug.serving() as server:
        return fan_out(server, token(0), unplug.connection_ids, EXPECTED)
