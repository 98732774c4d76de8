"""One worker of `unplug serve --workers N`, which starts it with an `Assignment`."""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from socket import socket
from typing import Self

import structlog

from infrastructure.adapters import catalogue
from infrastructure.commands.exit_codes import exit_codes
from infrastructure.commands.serve import Content, NodeEvents, Sockets, serve_on
from infrastructure.commands.stop_deadline import stop_deadline
from infrastructure.observability.logging import configure_logging
from infrastructure.observability.metrics import Metrics
from infrastructure.observability.worker_metrics import published
from infrastructure.server.workers import STARTED
from infrastructure.settings import load_settings

_log = structlog.get_logger("infrastructure.commands.worker")  # which runs as `__main__`


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A worker's number, its listening sockets and the connection to its parent, which it
    inherits, and where it publishes its metrics."""

    worker: int
    server: int
    service: int | None
    parent: int
    metrics: str | None

    def command(self) -> list[str]:
        """The command line that starts the worker, with this Python and without a shell."""
        module = "infrastructure.commands.worker"
        return [sys.executable, "-P", "-m", module, json.dumps(asdict(self))]

    @classmethod
    def parse(cls, text: str) -> Self:
        """From the last word of that command line."""
        return cls(**json.loads(text))

    def sockets(self) -> Sockets:
        """Those that it listens on."""
        service = None if self.service is None else socket(fileno=self.service)
        return Sockets(socket(fileno=self.server), service)

    def publish(self, metrics: Metrics) -> AbstractContextManager[None]:
        """For the parent, which collects all workers'."""
        path = self.metrics
        return nullcontext() if path is None else published(metrics.registry, Path(path))

    def clean_up(self) -> None:
        """What the parent would have done: the last worker removes the folder of the sockets."""
        if self.metrics is not None:
            with suppress(OSError):  # another worker's socket is in it
                Path(self.metrics).parent.rmdir()


def run_worker(assignment: Assignment) -> None:
    """Serves until it is told to stop, or until its parent has ended. Raises `OperatorError`."""
    settings = load_settings()
    configure_logging(settings.log_level or "info")
    structlog.contextvars.bind_contextvars(worker=assignment.worker)
    with socket(fileno=assignment.parent) as parent, stop_deadline() as stopping:
        orphaned = _stop_without(parent, stopping)

        def started() -> None:
            _log.info("worker_started")
            with suppress(OSError):
                parent.sendall(STARTED)

        serve_on(
            assignment.sockets(),
            settings.model_copy(update={"metrics_address": None}),
            Content(catalogue=catalogue(settings)),
            NodeEvents(started=started, stopping=stopping, publish=assignment.publish),
        )
    if orphaned.is_set():
        assignment.clean_up()
    _log.info("worker_stopped")


def _stop_without(parent: socket, stopping: Callable[[], None]) -> threading.Event:
    """Stops this process when the connection ends, and sets the event: its parent was killed."""
    orphaned = threading.Event()

    def watch() -> None:
        with suppress(OSError):
            parent.recv(1)
        orphaned.set()
        stopping()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
    return orphaned


if __name__ == "__main__":
    with exit_codes():
        run_worker(Assignment.parse(sys.argv[1]))
