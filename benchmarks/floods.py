"""Figure 9: what others notice of a client that floods."""

import http.client
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from statistics import quantiles

from benchmarks.databases import Sqlite
from benchmarks.figure import Row, Settings, alternating
from benchmarks.flood_load import FLOODS
from benchmarks.processes import Server
from benchmarks.unplug import token

MOST_MILLISECONDS = 50.0


def floods(settings: Settings) -> list[Row]:
    """How long `/healthz` takes on another connection, during each kind of flood."""
    with Sqlite().installation(users=1, connections=1) as unplug, unplug.serving() as server:
        return [
            Row(
                name=f"9 /healthz during a flood of {kind}, p99",
                unit="ms",
                value=alternating(settings.rounds, partial(_during, kind, server, settings))[0],
                floor=MOST_MILLISECONDS,
                floor_name="allowed",
                target=1.0,
                at="most",
            )
            for kind in FLOODS
        ]


def _during(kind: str, server: Server, settings: Settings) -> float:
    with _flooded(kind, server):
        time.sleep(settings.warm_up)
        return _p99(server, settings.seconds)


@contextmanager
def _flooded(kind: str, server: Server) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.flood_load", str(server.port), kind, token(0)]
    process = subprocess.Popen(command)
    try:
        yield
        if process.poll() is not None:
            raise RuntimeError("the flood has ended")
    finally:
        process.kill()
        process.wait()


def _p99(server: Server, seconds: float) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    taken: list[float] = []
    ends = time.perf_counter() + seconds
    while (started := time.perf_counter()) < ends or len(taken) < 2:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"/healthz answered {answer.status}")
        taken.append((time.perf_counter() - started) * 1_000)
    connection.close()
    return quantiles(taken, n=100)[-1]
