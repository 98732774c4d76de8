"""What every adapter of `WakeUps` keeps."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest

from infrastructure.live.nats import NatsWakeUps
from infrastructure.live.postgres_notify import NotifyWakeUps
from infrastructure.live.wake_ups import WakeUps
from infrastructure.observability.metrics import Metrics
from tests.support.servers.nats import NatsServer
from tests.support.servers.postgres import PostgresServer
from tests.support.woken import Woken, eventually

ALICE = UUID(int=1)
BOB = UUID(int=2)


@dataclass
class Nodes:
    """Two nodes."""

    here: WakeUps
    there: WakeUps
    metrics: tuple[Metrics, Metrics]

    def counted(self, way: str) -> tuple[float, float]:
        """Wake-ups that each node has counted."""
        here, there = (
            metrics.registry.get_sample_value("unplug_wake_ups_total", {"way": way}) or 0
            for metrics in self.metrics
        )
        return here, there


def notify(request: pytest.FixtureRequest) -> Nodes:
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url, metrics = server.url("postgres"), (Metrics(), Metrics())
    return Nodes(NotifyWakeUps(url, metrics[0]), NotifyWakeUps(url, metrics[1]), metrics)


def nats(request: pytest.FixtureRequest) -> Nodes:
    server: NatsServer = request.getfixturevalue("nats_server")
    urls, metrics = [server.url], (Metrics(), Metrics())
    return Nodes(NatsWakeUps(urls, metrics[0]), NatsWakeUps(urls, metrics[1]), metrics)


@pytest.fixture(params=[notify, nats], ids=lambda make: make.__name__)
async def nodes(request: pytest.FixtureRequest) -> AsyncIterator[Nodes]:
    make: Callable[[pytest.FixtureRequest], Nodes] = request.param
    nodes = make(request)
    async with nodes.here, nodes.there:
        await eventually(lambda: nodes.here.healthy and nodes.there.healthy)
        yield nodes


async def hears(node: WakeUps, user_id: UUID, sender: WakeUps) -> Woken:
    """A listener on `node` whom `sender` reaches for sure, not woken yet.

    A new subscription may wake its listener by itself; once a later one works, that is over.
    """
    woken = Woken()
    node.listen(user_id, woken)
    await woken_by(sender, user_id, woken)
    later, marker = Woken(), uuid4()
    stop = node.listen(marker, later)
    await woken_by(sender, marker, later)
    stop()
    woken.times = 0
    return woken


async def woken_by(sender: WakeUps, user_id: UUID, woken: Woken) -> None:
    def sends_again() -> bool:
        sender.send([user_id])
        return woken.times > 0

    await eventually(sends_again)


async def test_other_nodes_listeners_are_woken(nodes: Nodes) -> None:
    woken = await hears(nodes.there, ALICE, nodes.here)
    nodes.here.send([ALICE])
    await woken.once_more()


async def test_what_leaves_and_what_arrives_is_counted(nodes: Nodes) -> None:
    woken = await hears(nodes.there, ALICE, nodes.here)
    received = nodes.counted("received")[1]
    nodes.here.send([ALICE])
    await woken.once_more()
    assert nodes.counted("received") >= (0, received + 1)
    assert nodes.counted("received")[0] == nodes.counted("sent")[1] == 0
    await eventually(lambda: nodes.counted("sent")[0] >= nodes.counted("received")[1])


async def test_all_of_a_users_listeners_are_woken_and_no_other_users(nodes: Nodes) -> None:
    first = await hears(nodes.there, ALICE, nodes.here)
    second = await hears(nodes.there, ALICE, nodes.here)
    bob = await hears(nodes.there, BOB, nodes.here)
    first.times = second.times = 0
    nodes.here.send([ALICE])
    await first.once_more()
    await second.once_more()
    assert bob.times == 0


async def test_what_a_node_sent_does_not_come_back_to_it(nodes: Nodes) -> None:
    here = await hears(nodes.here, ALICE, nodes.there)
    there = await hears(nodes.there, ALICE, nodes.here)
    bob = await hears(nodes.here, BOB, nodes.there)
    here.times = there.times = 0
    nodes.here.send([ALICE])
    await there.once_more()
    nodes.there.send([BOB])
    await bob.once_more()
    assert here.times == 0


async def test_one_who_stops_listening_is_left_alone(nodes: Nodes) -> None:
    kept, stopped = await hears(nodes.there, ALICE, nodes.here), Woken()
    stop = nodes.there.listen(ALICE, stopped)
    stop()
    stop()
    stopped.times = kept.times = 0
    nodes.here.send([ALICE])
    await kept.once_more()
    assert stopped.times == 0


async def test_a_burst_for_many_users_reaches_all_of_them(nodes: Nodes) -> None:
    users = [uuid4() for _ in range(1_000)]
    listeners = {user: Woken() for user in users}
    for user, woken in listeners.items():
        nodes.there.listen(user, woken)
    last = await hears(nodes.there, BOB, nodes.here)
    for woken in listeners.values():
        woken.times = 0
    for user in users:
        nodes.here.send([user, user])
    nodes.here.send([BOB])
    await last.once_more()
    await eventually(lambda: all(woken.times for woken in listeners.values()))
