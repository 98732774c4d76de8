"""Metrics of several workers on one address, told apart by a label."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

ANSWER_SECONDS = 1.0
"""A worker that takes longer is left out of a scrape."""


class WorkerMetrics:
    """The metrics that each worker publishes at its path, with a `worker` label.

    A worker that does not answer, because it is being started again, has no series meanwhile.
    """

    def __init__(self, paths: Mapping[int, Path]) -> None:
        self.registry = registry = CollectorRegistry()
        self._paths = paths
        self._restarts = Counter(
            "unplug_worker_restarts",
            "Worker processes that ended and were started again, by worker.",
            ["worker"],
            registry=registry,
        )
        for worker in paths:
            self._restarts.labels(worker)
        registry.register(self)

    def restarted(self, worker: int) -> None:
        self._restarts.labels(worker).inc()

    def collect(self) -> Iterator[Metric]:
        """Called at each scrape, from the metrics server's thread."""
        merged: dict[str, Metric] = {}
        for worker, path in self._paths.items():
            for family in text_string_to_metric_families(_published(path)):
                known = Metric(family.name, family.documentation, family.type)
                into = merged.setdefault(family.name, known)
                for sample in family.samples:
                    labels = {"worker": str(worker)} | sample.labels
                    into.add_sample(sample.name, labels, sample.value)
        yield from merged.values()


def _published(path: Path) -> str:
    """Empty when the worker does not answer in time."""
    parts = []
    with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER_SECONDS)
        connection.connect(str(path))
        while part := connection.recv(65_536):
            parts.append(part)
        return b"".join(parts).decode()
    return ""


@contextmanager
def published(registry: CollectorRegistry, path: Path) -> Iterator[None]:
    """Writes the metrics to each connection to a Unix socket, from a thread."""
    path.unlink(missing_ok=True)  # of a worker that was killed
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        thread = threading.Thread(target=_answer, args=(server, registry), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown(socket.SHUT_RDWR)  # ends the thread's `accept`
            thread.join(ANSWER_SECONDS)
            path.unlink(missing_ok=True)


def _answer(server: socket.socket, registry: CollectorRegistry) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:  # shut down
            return
        with connection, suppress(OSError):
            connection.settimeout(ANSWER_SECONDS)
            connection.sendall(generate_latest(registry))
