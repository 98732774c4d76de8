"""What users feel of an incident: their mutations while `unplug disconnect` runs, and without."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.databases import Database, both
from benchmarks.figure import Row, Settings, alternating
from benchmarks.mutations import USERS, mutate
from benchmarks.unplug import EXECUTABLE, Installation

AT_MOST = 1_500
"""Connections that it disconnects in a second: it must outlast the measurement."""
STARTING = 2.0
"""Seconds until the measurement begins, at most."""


def incident(settings: Settings) -> list[Row]:
    """On both databases, durable; one user after another mutates, as fast as the answers come."""
    return [_row(settings, database) for database in both()]


def _row(settings: Settings, database: Database) -> Row:
    each = int(AT_MOST * (settings.seconds + settings.warm_up + STARTING))
    with (
        database.installation(users=USERS, connections=USERS + settings.rounds * each) as unplug,
        unplug.serving() as server,
    ):
        ids = unplug.connection_ids
        own, others = ids[:USERS], ids[USERS:]

        def p95() -> float:
            return mutate(server, settings, 1, own, unplug.tokens, repeat=True).p95

        def p95_beside() -> float:
            ended = [others.pop() for _ in range(each)]
            with _running(unplug, ended):
                return p95()

        p95()  # disconnects the users' own, so that all runs repeat the same
        idle, beside = alternating(settings.rounds, p95, p95_beside)
    return Row(
        name=f"12 A durable mutation while unplug disconnect runs, {database.name}, p95",
        unit="ms",
        value=beside,
        floor=idle,
        floor_name="without",
        target=1.5,
        at="most",
    )


@contextmanager
def _running(unplug: Installation, ids: list[str]) -> Iterator[None]:
    """A run that has begun, and that is not done at the end of the block."""
    file = unplug.directory / "ids.txt"
    file.write_text("\n".join(ids))
    command = [str(EXECUTABLE), "disconnect", "--ids", str(file), "--expect", str(len(ids))]
    with subprocess.Popen(
        command, env=unplug.environment, cwd=unplug.directory, stdout=subprocess.DEVNULL
    ) as process:
        _wait_for_an_event(unplug)
        yield
        assert process.poll() is None, "it was done before the measurement"
        process.send_signal(signal.SIGINT)


def _wait_for_an_event(unplug: Installation) -> None:
    command = [str(EXECUTABLE), "events", "--follow"]
    with subprocess.Popen(
        command, env=unplug.environment, cwd=unplug.directory, stdout=subprocess.PIPE
    ) as following:
        assert following.stdout is not None
        assert following.stdout.readline(), "there is no event"
        following.kill()
