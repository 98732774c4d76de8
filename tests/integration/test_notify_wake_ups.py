import asyncio
import base64
import contextlib
import os
import select
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
from structlog.testing import capture_logs

from infrastructure.live import postgres_notify as notify_wake_ups
from infrastructure.live.postgres_notify import CHANNEL, NotifyWakeUps
from infrastructure.observability.metrics import Metrics
from tests.support.servers.postgres import PostgresServer
from tests.support.woken import Woken, eventually

ALICE = UUID(int=1)
PAUSE = 0.3
"""Seconds without a statement; a node that does not wait has one every few milliseconds."""


@asynccontextmanager
async def node(url: str) -> AsyncIterator[NotifyWakeUps]:
    async with NotifyWakeUps(url, Metrics()) as wake_ups:
        yield wake_ups


async def test_a_burst_costs_a_few_notifies(postgres_server: PostgresServer) -> None:
    url = postgres_server.url("postgres")
    payloads: list[str] = []
    watcher = await asyncpg.connect(url)
    await watcher.add_listener(CHANNEL, lambda *message: payloads.append(str(message[3])))
    async with node(url) as here, node(url) as there:
        woken = Woken()
        there.listen(ALICE, woken)
        await eventually(lambda: here.healthy and there.healthy)
        loop = asyncio.get_running_loop()
        began = loop.time()
        while loop.time() - began < 0.5:
            here.send([ALICE])
            await asyncio.sleep(0)
        last = uuid4()
        there.listen(last, arrived := Woken())
        here.send([last])
        await arrived.once_more()
        lasted = loop.time() - began
    await watcher.close()
    assert 1 < len(payloads) <= lasted / notify_wake_ups.SPACING + 2


async def test_a_single_wake_up_waits_for_nothing(postgres_server: PostgresServer) -> None:
    url = postgres_server.url("postgres")
    async with node(url) as here, node(url) as there:
        await eventually(lambda: here.healthy and there.healthy)
        delays = []
        for _ in range(5):
            woken = Woken()
            stop = there.listen(ALICE, woken)
            await asyncio.sleep(2 * notify_wake_ups.SPACING)
            woken.times, sent_at = 0, asyncio.get_running_loop().time()
            here.send([ALICE])
            await woken.once_more()
            delays.append(asyncio.get_running_loop().time() - sent_at)
            stop()
        assert min(delays) < notify_wake_ups.SPACING / 2


async def test_recovers_from_a_restart_and_makes_everybody_look(
    postgres_server: PostgresServer,
) -> None:
    url = postgres_server.url("postgres")
    async with node(url) as here, node(url) as there:
        woken = Woken()
        there.listen(ALICE, woken)
        await eventually(lambda: here.healthy and there.healthy)
        woken.times = 0
        postgres_server.stop(crash=True)
        try:
            await eventually(lambda: not here.healthy and not there.healthy)
            here.send([ALICE])
        finally:
            postgres_server.start()
        await eventually(lambda: here.healthy and there.healthy)
        assert woken.times >= 1
        woken.times = 0
        here.send([ALICE])
        await woken.once_more()


async def test_starts_without_a_server(postgres_server: PostgresServer) -> None:
    postgres_server.stop()
    try:
        async with node(postgres_server.url("postgres")) as here:
            here.listen(ALICE, woken := Woken())
            here.send([ALICE])
            assert woken.times == 0
            assert not here.healthy
            postgres_server.start()
            await eventually(lambda: here.healthy)
            assert woken.times == 1
    finally:
        if not postgres_server.running:
            postgres_server.start()


@pytest.mark.parametrize("payload", ["", "not base64!", "YWJj", "A" * 7_000])
async def test_a_strangers_payload_does_no_harm(
    postgres_server: PostgresServer, payload: str
) -> None:
    url = postgres_server.url("postgres")
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    async with node(url) as here, node(url) as there:
        here.listen(ALICE, woken := Woken())
        await eventually(lambda: here.healthy and there.healthy)
        postgres_server.execute(f"SELECT pg_notify('{CHANNEL}', '{payload}')", "postgres")
        woken.times = 0
        there.send([ALICE])
        await woken.once_more()
    assert faults == []


async def test_a_message_that_is_read_as_the_connection_ends_does_no_harm(
    postgres_server: PostgresServer,
) -> None:
    url = postgres_server.url("postgres")
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    async with node(url) as here:
        here.listen(ALICE, woken := Woken())
        await eventually(lambda: here.healthy)
        woken.times = 0
        payload = base64.b64encode(ALICE.bytes).decode()
        # The loop stands still meanwhile: it reads the message in the turn in which the node stops.
        postgres_server.execute(f"SELECT pg_notify('{CHANNEL}', '{payload}')", "postgres")
        wait_for_bytes_from(postgres_server.port)
        await asyncio.sleep(0)
    assert (faults, woken.times) == ([], 1)


def wait_for_bytes_from(port: int) -> None:
    """Holds the process up until a connection of its own to that port has something to read."""
    for descriptor in filter(Path.is_socket, Path("/proc/self/fd").iterdir()):
        with (
            contextlib.suppress(OSError),
            socket.socket(fileno=os.dup(int(descriptor.name))) as ours,
        ):
            if ours.getpeername()[1:2] == (port,):
                assert select.select([ours], [], [], 10)[0]
                return
    pytest.fail("there is no such connection")


async def test_leaves_no_connection_behind(postgres_server: PostgresServer) -> None:
    def connections() -> str:
        sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'unplug wake-ups'"
        return postgres_server.execute(sql, "postgres")

    async with node(postgres_server.url("postgres")) as here:
        await eventually(lambda: here.healthy)
        assert connections() == "1"
    await eventually(lambda: connections() == "0")


async def test_without_a_server_a_bounded_number_waits_for_it(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify_wake_ups, "MOST_PENDING", 3)
    url, metrics = postgres_server.url("postgres"), Metrics()
    here = NotifyWakeUps(url, metrics)
    users = [uuid4() for _ in range(3)]
    here.send(users)
    here.send([ALICE])
    async with node(url) as there:
        there.listen(ALICE, dropped := Woken())
        await eventually(lambda: there.healthy)
        dropped.times = 0
        there.listen(users[0], woken := Woken())
        async with here:
            await woken.once_more()
            await eventually(lambda: sent(metrics) > 0)
    assert (sent(metrics), dropped.times) == (3, 0)


def sent(metrics: Metrics) -> float:
    return metrics.registry.get_sample_value("unplug_wake_ups_total", {"way": "sent"}) or 0


async def test_a_lost_server_and_its_return_are_logged_once(
    postgres_server: PostgresServer,
) -> None:
    with capture_logs() as logs:
        async with node(postgres_server.url("postgres")) as here:
            await eventually(lambda: here.healthy)
            postgres_server.stop()
            await eventually(lambda: not here.healthy)
            postgres_server.start()
            await eventually(lambda: here.healthy)
    assert [entry["event"] for entry in logs] == ["lost", "back"]


def of_sessions(server: PostgresServer, what: str) -> str:
    sessions = "pg_stat_activity WHERE application_name = 'unplug wake-ups'"
    return server.execute(f"SELECT {what} FROM {sessions}", "postgres")  # noqa: S608 (the tests' own)


async def test_a_connection_that_ends_is_noticed_at_once(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify_wake_ups, "IDLE_CHECK", 1000)
    async with node(postgres_server.url("postgres")) as here:
        here.listen(ALICE, woken := Woken())
        await eventually(lambda: here.healthy)
        woken.times = 0
        of_sessions(postgres_server, "pg_terminate_backend(pid)")
        await woken.once_more()


async def test_a_server_that_does_not_answer_is_left(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify_wake_ups, "ANSWERS_WITHIN", 0.5)
    monkeypatch.setattr(notify_wake_ups, "IDLE_CHECK", 0.1)
    url, metrics = postgres_server.url("postgres"), Metrics()
    async with NotifyWakeUps(url, metrics) as here:
        await eventually(lambda: here.healthy)
        frozen = int(of_sessions(postgres_server, "pid"))
        async with node(url) as there:
            there.listen(ALICE, woken := Woken())
            await eventually(lambda: there.healthy)
            woken.times = 0
            os.kill(frozen, signal.SIGSTOP)
            try:
                here.send([ALICE])
                await woken.once_more()  # over another connection
                here.send([ALICE])
                await woken.once_more(than=1)
            finally:
                os.kill(frozen, signal.SIGCONT)
            await eventually(lambda: sent(metrics) >= 2)
    assert sent(metrics) == 2


async def test_an_idle_node_leaves_the_server_alone(postgres_server: PostgresServer) -> None:
    async with node(postgres_server.url("postgres")) as here:
        await eventually(lambda: here.healthy)
        here.send([ALICE])
        notified = f"query LIKE '%pg_notify%' AND clock_timestamp() > query_start + '{PAUSE} s'"
        await eventually(lambda: of_sessions(postgres_server, notified) == "t")
