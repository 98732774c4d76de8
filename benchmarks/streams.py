"""Figures 5 to 7: what a subscription costs."""

import json
import math
from dataclasses import replace
from functools import partial
from statistics import median
from uuid import UUID

from benchmarks.databases import Sqlite
from benchmarks.figure import Row, Settings, alternating, amount
from benchmarks.mutations import EXPECTED, MUTATION, straightforward
from benchmarks.processes import Server, serving, ws_load
from benchmarks.unplug import token
from benchmarks.ws_load import Plan, Report

SUBSCRIPTION = """
subscription Follow($after: String) {
  providerEvents(after: $after) {
    __typename
    id
    position
    cursor
    occurredAt
    attemptId
    connectionId
  }
}
"""
SUBSCRIBERS = amount(1_000)
COMMANDS = 60
SPREAD_COMMANDS = 4 * SUBSCRIBERS
IDLE = amount(2_000)
MANY_IDLE = amount(10_000)
MEASURED_IDLE = amount(2_000)


def init(bearer: str) -> str:
    """The handshake's message."""
    payload = {"authorization": f"Bearer {bearer}"}
    return json.dumps({"type": "connection_init", "payload": payload})


def subscribe() -> str:
    """A subscription from now on."""
    return json.dumps({"id": "1", "type": "subscribe", "payload": {"query": SUBSCRIPTION}})


def mutation(port: int, bearer: str, connection_id: str) -> str:
    """A mutation as an HTTP request."""
    body = json.dumps({"query": MUTATION, "variables": {"id": connection_id}})
    return (
        f"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
        f"authorization: Bearer {bearer}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n{body}"
    )


def delivery(settings: Settings) -> list[Row]:
    """Figure 5: one event to a thousand subscribers, and a thousand users with one each."""
    encoded, shared = alternating(settings.rounds, _pre_encoded, _one_user)
    plain, spread = alternating(settings.rounds, _straightforward, _many_users)
    return [
        Row(
            name=f"5 Delivery to {SUBSCRIBERS:,} subscribers of one user",
            unit="frames/s",
            value=shared,
            floor=encoded,
            floor_name="pre-encoded",
            target=0.6,
            at="least",
        ),
        Row(
            name=f"5 Delivery to {SUBSCRIBERS:,} users with one subscriber each",
            unit="frames/s",
            value=spread,
            floor=plain,
            floor_name="straightforward",
            target=2.0,
            at="least",
        ),
    ]


def fan_out(server: Server, bearer: str, ids: list[str], expect: str) -> float:
    """Frames a second: each of some commands is told to all subscribers, with two events."""
    plan = Plan(
        port=server.port,
        sockets=SUBSCRIBERS,
        messages=[[init(bearer), subscribe()]],
        frames=[2 * COMMANDS],
        requests=[mutation(server.port, bearer, ids[n % len(ids)]) for n in range(COMMANDS)],
        expect=expect,
    )
    return ws_load(plan).rate


def _pre_encoded() -> float:
    with serving("benchmarks.floors:pre_encoded") as server:
        return fan_out(server, "no request", ["1"], "DisconnectProviderSuccess")


def _one_user() -> float:
    with Sqlite().installation(users=1, connections=COMMANDS) as unplug, unplug.serving() as server:
        return fan_out(server, token(0), unplug.connection_ids, EXPECTED)


def _spread(server: Server, bearers: list[str], ids: list[str], commands: int) -> Plan:
    """Command `n` is for connection `n`, which is user `n % users`'s."""
    users = len(bearers)
    return Plan(
        port=server.port,
        sockets=users,
        messages=[[init(bearer), subscribe()] for bearer in bearers],
        frames=[2 * (commands // users)],
        requests=[mutation(server.port, bearers[n % users], ids[n]) for n in range(commands)],
        expect=EXPECTED,
        connections=64,
    )


def _many_users() -> float:
    with (
        Sqlite().installation(users=SUBSCRIBERS, connections=SPREAD_COMMANDS) as unplug,
        unplug.serving() as server,
    ):
        plan = _spread(server, unplug.tokens, unplug.connection_ids, SPREAD_COMMANDS)
        return ws_load(plan).rate


def _straightforward() -> float:
    with straightforward(SUBSCRIBERS, 1) as (server, ids):
        bearers = [str(UUID(int=1 + user)) for user in range(SUBSCRIBERS)]
        return ws_load(_spread(server, bearers, ids, SUBSCRIBERS)).rate


def delay(settings: Settings) -> list[Row]:
    """Figure 6: from commit to frame, at half the maximum load, with idle subscriptions beside."""
    frames = median(_many_users() for _ in range(min(3, settings.rounds)))
    commands = frames / 2  # each has two
    reports = [_delay(settings, commands / 2) for _ in range(settings.rounds)]
    return [
        Row(
            name=f"6 Delay at half load, {IDLE:,} idle subscriptions, p99",
            unit="ms",
            value=median(report.p99 for report in reports),
            floor=median(report.p50 for report in reports),
            floor_name="p50",
            target=5.0,
            at="most",
        )
    ]


def _delay(settings: Settings, rate: float) -> Report:
    seconds = settings.warm_up + settings.seconds
    commands = math.ceil(rate * seconds / SUBSCRIBERS) * SUBSCRIBERS
    with (
        Sqlite().installation(users=SUBSCRIBERS, connections=commands) as unplug,
        unplug.serving() as server,
    ):
        plan = _spread(server, unplug.tokens, unplug.connection_ids, commands)
        idle = [init(token(unplug.users)), subscribe()]
        return ws_load(
            replace(plan, rate=rate, warm_up=settings.warm_up, idle=IDLE, idle_messages=idle)
        )


def memory(settings: Settings) -> list[Row]:
    """Figure 7: what an idle subscription costs, and that ten thousand work."""
    counts = (MEASURED_IDLE, MANY_IDLE)
    bare, idle, many = alternating(
        settings.rounds, _bare_sockets, *(partial(_subscriptions, count) for count in counts)
    )
    row = Row(
        name=f"7 Memory of an idle subscription, {MEASURED_IDLE:,} of them",
        unit="KiB",
        value=idle,
        floor=bare,
        floor_name="bare WebSocket",
        target=1.2,
        at="most",
    )
    return [
        row,
        Row(
            name=f"7 Memory of an idle subscription, {MANY_IDLE:,} of them",
            unit="KiB",
            value=many,
            floor=bare,
            floor_name="bare WebSocket",
            target=1.2,
            at="most",
        ),
    ]


def _bare_sockets() -> float:
    with serving("benchmarks.floors:bare_sockets") as server:
        return _memory(server, [init("no request")], MEASURED_IDLE)


def _subscriptions(count: int) -> float:
    with Sqlite().installation(users=1, connections=1) as unplug, unplug.serving() as server:
        return _memory(server, [init(token(0)), subscribe()], count)


def _memory(server: Server, messages: list[str], count: int) -> float:
    """KiB for each socket, after one has been there before."""
    ws_load(_idle(server, messages, 1))
    before, after = server.memory(), 0

    def measure() -> None:
        nonlocal after
        after = server.memory()

    ws_load(_idle(server, messages, count), when_open=measure)
    return (after - before) / count / 1024


def _idle(server: Server, messages: list[str], count: int) -> Plan:
    return Plan(
        port=server.port,
        sockets=0,
        messages=[messages],
        frames=[0],
        requests=[],
        expect="",
        idle=count,
        idle_messages=messages,
        hold=True,
    )
