"""Many disconnections at once at a slow provider: all end there, at its pace, in bounded memory.

`--revocations 10000` makes it the incident that it stands for.
"""

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from uuid_utils.compat import uuid7

from tests.e2e.revoking.client import DISCONNECT
from tests.support.network.revoking_provider import Provider, Reply, marked
from tests.support.processes import Server, bearer, connection_line, running, unplug

SLOW = 0.05
"""Seconds that the provider takes."""
PER_SECOND, CONCURRENCY = 100, 10
CLIENTS = 8
MEMORY = 48
"""MiB that a server may grow by, however many revocations are pending."""


def mebibytes(server: Server, name: str = "VmRSS") -> float:
    """Of the server's memory: `VmRSS` is what it has, `VmHWM` the most that it had."""
    lines = Path(f"/proc/{server.pid}/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(f"{name}:")]
    return int(line.split()[1]) / 1024


def disconnect(server: Server, owners: dict[UUID, UUID]) -> None:
    """Each by its own user, from a few clients."""

    def some(part: Iterator[tuple[UUID, UUID]]) -> None:
        with httpx.Client(timeout=60) as client:
            for connection_id, user_id in part:
                answer = client.post(
                    server.graphql,
                    json={"query": DISCONNECT, "variables": {"id": str(connection_id)}},
                    headers={"authorization": f"Bearer {bearer(user_id)}"},
                ).json()
                revocation = answer["data"]["disconnectProvider"]["connectedProvider"]["revocation"]
                assert revocation["status"] in {"PENDING", "ACCEPTED"}

    pairs = list(owners.items())
    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(some, [iter(pairs[n::CLIENTS]) for n in range(CLIENTS)]))


def test_a_slow_provider_with_many_revocations(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    count = int(request.config.getoption("--revocations"))
    owners: dict[UUID, UUID] = {uuid7(): uuid7() for _ in range(count)}
    lines = (
        connection_line(
            user_id,
            connection_id,
            credentials={
                "type": "oauth2",
                "data": {"refresh_token": marked(str(connection_id))},
            },
        )
        for connection_id, user_id in owners.items()
    )
    assert unplug("import", "-", cwd=tmp_path, stdin="".join(lines)).returncode == 0

    def slowly(_: str) -> Reply:
        time.sleep(SLOW)
        return Reply()

    with Provider(slowly) as provider:
        table = provider.catalogue(per_second=PER_SECOND, concurrency=CONCURRENCY)
        (tmp_path / "providers.toml").write_text(table)
        with running(tmp_path, PROVIDERS_FILE="providers.toml") as server:
            before = mebibytes(server)
            began = time.monotonic()
            disconnect(server, owners)
            disconnected = time.monotonic() - began
            provider.wait_for(count, within=30 + 2 * count / PER_SECOND)
            took = time.monotonic() - began
            grown = mebibytes(server, "VmHWM") - before
        left = unplug("revocations", cwd=tmp_path).stdout

    assert left == "Nothing is pending, and nothing has failed.\n"
    assert set(provider.tokens.values()) == {1}
    assert set(provider.tokens) == set(map(str, owners))
    times = sorted(asked.began for asked in provider.asked)
    for first, next_second in zip(times, times[PER_SECOND:], strict=False):
        assert next_second - first > 0.9
    assert grown < MEMORY
    sys.stdout.write(
        f"{count} in {disconnected:.1f} s, revoked in {took:.1f} s, +{grown:.0f} MiB\n"
    )  # `pytest -rP` shows it
