"""Figure 13: what two workers do with a second of CPU, compared with one process."""

import time
from dataclasses import replace
from functools import partial

from benchmarks.databases import Postgres
from benchmarks.figure import Row, Settings, alternating
from benchmarks.mutations import DURABLE_AT_MOST, USERS, mutate
from benchmarks.processes import Server

QUIET_SECONDS = 0.5


def workers(settings: Settings) -> list[Row]:
    """Acknowledged mutations per second of user and system time of all server processes."""
    one, two = alternating(
        settings.rounds,
        partial(_per_cpu_second, settings, 1),
        partial(_per_cpu_second, settings, 2),
    )
    return [
        Row(
            name="13 Two workers, mutations on PostgreSQL, 64 connections",
            unit="per CPU second",
            value=two,
            floor=one,
            floor_name="one process",
            target=0.9,
            at="least",
        )
    ]


def _per_cpu_second(settings: Settings, count: int) -> float:
    rows = int(DURABLE_AT_MOST * (settings.seconds + settings.warm_up))
    with (
        Postgres().installation(users=USERS, connections=rows) as unplug,
        unplug.serving(UNPLUG_WORKERS=str(count)) as server,
    ):
        _until_quiet(server)
        ids, tokens = unplug.connection_ids, unplug.tokens
        # Nothing is left out of the requests, because nothing is left out of the CPU time.
        began = server.cpu()
        report = mutate(server, replace(settings, warm_up=0.0), 64, ids, tokens)
        return report.requests / (server.cpu() - began)


def _until_quiet(server: Server) -> None:
    """All workers have started: one that listens says nothing about the others."""
    before = -1.0
    while (now := server.cpu()) - before > 0.05 * QUIET_SECONDS:
        before = now
        time.sleep(QUIET_SECONDS)
