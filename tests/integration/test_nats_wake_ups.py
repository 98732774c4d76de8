import datetime
import ipaddress
import json
import ssl
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from infrastructure.live.nats import NatsWakeUps
from infrastructure.observability.metrics import Metrics
from tests.support.servers.nats import NatsServer
from tests.support.servers.process import free_port
from tests.support.woken import Woken, eventually

ALICE = UUID(int=1)


@asynccontextmanager
async def node(*urls: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[NatsWakeUps]:
    async with NatsWakeUps(urls, Metrics(), tls=tls) as wake_ups:
        yield wake_ups


@pytest.fixture
def server() -> Iterator[NatsServer]:
    """One that the test may stop."""
    server = NatsServer()
    server.start()
    yield server
    server.stop()


async def test_recovers_from_an_outage_and_makes_everybody_look(server: NatsServer) -> None:
    async with node(server.url) as here, node(server.url) as there:
        woken = Woken()
        there.listen(ALICE, woken)
        await eventually(lambda: here.healthy and there.healthy)
        server.stop()
        await eventually(lambda: not here.healthy and not there.healthy)
        here.send([ALICE])
        woken.times = 0
        server.start()
        await eventually(lambda: here.healthy and there.healthy)
        assert woken.times >= 1
        woken.times = 0
        here.send([ALICE])
        await woken.once_more()


async def test_starts_without_a_server(server: NatsServer) -> None:
    server.stop()
    async with node(server.url) as here:
        here.listen(ALICE, woken := Woken())
        here.send([ALICE])
        assert woken.times == 0
        assert not here.healthy
        server.start()
        await eventually(lambda: here.healthy)
        assert woken.times == 1


async def test_any_of_several_servers_will_do(server: NatsServer) -> None:
    unreachable = f"nats://127.0.0.1:{free_port()}"
    async with (
        node(unreachable, server.url) as here,
        node(server.url, unreachable) as there,
    ):
        there.listen(ALICE, woken := Woken())
        await eventually(lambda: here.healthy and there.healthy)
        woken.times = 0
        here.send([ALICE])
        await woken.once_more()


class MonitoredServer:
    """A server that tells of its clients."""

    def __init__(self) -> None:
        self._monitor = free_port()
        self.server = NatsServer("-m", str(self._monitor))
        self.url = self.server.url

    def connections(self) -> list[dict[str, Any]]:
        """Those that are open."""
        url = f"http://127.0.0.1:{self._monitor}/connz?subs=1"
        with urllib.request.urlopen(url) as response:
            found: list[dict[str, Any]] = json.load(response)["connections"]
        return found

    def users(self) -> set[str]:
        """Whose subjects are subscribed to."""
        open_now = self.connections()
        return {
            subject[-32:] for each in open_now for subject in each.get("subscriptions_list", [])
        }


@pytest.fixture
def monitored() -> Iterator[MonitoredServer]:
    monitored = MonitoredServer()
    monitored.server.start()
    yield monitored
    monitored.server.stop()


async def test_is_subscribed_only_to_users_who_are_live_here(monitored: MonitoredServer) -> None:
    async with node(monitored.url) as here:
        await eventually(lambda: here.healthy)
        assert monitored.users() == set()
        bob = uuid4()
        stops = [here.listen(user, Woken()) for user in (ALICE, ALICE, bob)]
        await eventually(lambda: monitored.users() == {ALICE.hex, bob.hex})
        stops[0]()
        stops[2]()
        await eventually(lambda: monitored.users() == {ALICE.hex})
        stops[1]()
        await eventually(lambda: monitored.users() == set())


async def test_leaves_no_connection_behind(monitored: MonitoredServer) -> None:
    async with node(monitored.url) as here:
        await eventually(lambda: here.healthy)
        assert len(monitored.connections()) == 1
    assert not here.healthy
    await eventually(lambda: monitored.connections() == [])


async def test_one_who_comes_and_goes_at_once_is_no_outage(server: NatsServer) -> None:
    with capture_logs() as logs:
        async with node(server.url) as here, node(server.url) as there:
            await eventually(lambda: here.healthy and there.healthy)
            here.listen(uuid4(), Woken())()
            here.listen(ALICE, woken := Woken())
            await eventually(lambda: woken.times > 0)
            woken.times = 0
            there.send([ALICE])
            await woken.once_more()
    assert logs == []


async def test_what_is_sent_after_the_first_wake_up_arrives(server: NatsServer) -> None:
    async with node(server.url) as here, node(server.url) as there:
        await eventually(lambda: here.healthy and there.healthy)
        for user in [uuid4() for _ in range(20)]:
            woken = Woken()

            def wake(user: UUID = user, woken: Woken = woken) -> None:
                if woken.times == 0:
                    there.send([user])
                woken()

            here.listen(user, wake)
            await woken.once_more(than=1)


async def test_speaks_tls_with_a_password(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    server = NatsServer(
        *("--tls", "--tlscert", str(certificate), "--tlskey", str(key)),
        *("--user", "unplug", "--pass", "s3cret"),
    )
    server.start()
    tls = ssl.create_default_context(cafile=str(certificate))
    url = f"tls://unplug:s3cret@127.0.0.1:{server.port}"
    wrong = f"tls://unplug:wrong@127.0.0.1:{server.port}"
    try:
        async with (
            node(url, tls=tls) as here,
            node(url, tls=tls) as there,
            node(wrong, tls=tls) as stranger,
            node(url) as mistrustful,
        ):
            there.listen(ALICE, woken := Woken())
            await eventually(lambda: here.healthy and there.healthy)
            woken.times = 0
            here.send([ALICE])
            await woken.once_more()
            assert not stranger.healthy
            assert not mistrustful.healthy
    finally:
        server.stop()


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for the loopback and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nats")])
    now = datetime.datetime.now(datetime.UTC)
    loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([loopback]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file
