"""`unplug serve --workers N`: the process that starts workers and collects their metrics."""

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from domain.ports import StorageError
from infrastructure.adapters import catalogue, require_keys, user_trust
from infrastructure.app.opening import check_database
from infrastructure.commands.serve import Sockets, log_started
from infrastructure.commands.start_checks import allow_open_files, refuse_shared_address, totals
from infrastructure.commands.worker import Assignment
from infrastructure.failures import DatabaseUnavailable, ExitCode, OperatorError, SettingsError
from infrastructure.observability.metrics import metrics_server
from infrastructure.observability.worker_metrics import WorkerMetrics
from infrastructure.providers.catalogue import Catalogue
from infrastructure.server.listening import listen_together
from infrastructure.server.workers import WorkerEvents, Workers
from infrastructure.settings import Settings

LONGEST_PATH = 100
"""Bytes of the path of a Unix socket; systems allow 104 to 108."""

_log = structlog.get_logger(__name__)


def run_workers(settings: Settings, host: str, port: int, count: int) -> ExitCode:
    """Serves with so many processes until it is told to stop. Raises `OperatorError`.

    What they would all refuse is refused here, once, before they start.
    """
    if settings.database_file is not None:
        raise SettingsError(
            "UNPLUG_WORKERS: a SQLite file has one server process. Leave --workers at 1, or use "
            "PostgreSQL (UNPLUG_DATABASE_URL)."
        )
    require_keys(user_trust(settings))
    refuse_shared_address(settings, host, port)
    providers = catalogue(settings)
    with ExitStack() as stack:
        sockets = _listening(settings, (host, port), count, stack)
        asyncio.run(_check(settings, providers))
        allow_open_files(settings)
        collecting = stack.enter_context(_collecting(settings, count))
        code = asyncio.run(_supervise(settings, sockets, collecting))
    _log.info("stopped")
    return code


def _listening(
    settings: Settings, address: tuple[str, int], count: int, stack: ExitStack
) -> list[Sockets]:
    """Those of each worker."""
    servers = [stack.enter_context(each) for each in listen_together(*address, count)]
    if settings.service_address is None:
        return [Sockets(server) for server in servers]
    services = listen_together(*settings.service_address, count)
    return [
        Sockets(server, stack.enter_context(service))
        for server, service in zip(servers, services, strict=True)
    ]


async def _check(settings: Settings, providers: Catalogue) -> None:
    try:
        await check_database(settings, providers)
    except StorageError as error:
        raise DatabaseUnavailable(str(error)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Collecting:
    """Where each worker publishes its metrics, when they are served."""

    paths: dict[int, Path]
    restarted: Callable[[int], None]
    stop: Callable[[], None]


@contextmanager
def _collecting(settings: Settings, count: int) -> Iterator[_Collecting]:
    if settings.metrics_address is None:
        yield _Collecting(paths={}, restarted=lambda _: None, stop=lambda: None)
        return
    with _private_folder() as folder, ExitStack() as server:
        paths = {worker: folder / str(worker) for worker in range(count)}
        metrics = WorkerMetrics(paths)
        server.enter_context(metrics_server(metrics.registry, *settings.metrics_address))
        yield _Collecting(paths=paths, restarted=metrics.restarted, stop=server.close)


@contextmanager
def _private_folder() -> Iterator[Path]:
    """Readable by this user alone (mode 0700). Raises `OperatorError`."""
    problem = "Can't collect the workers' metrics: "
    try:
        folder = tempfile.TemporaryDirectory(prefix="unplug-workers-", ignore_cleanup_errors=True)
    except OSError as error:
        raise OperatorError(f"{problem}no temporary folder ({error.strerror}).") from None
    with folder as name:
        if len(os.fsencode(name)) > LONGEST_PATH:
            raise OperatorError(f"{problem}the path of the temporary folder (TMPDIR) is too long.")
        yield Path(name)


async def _supervise(
    settings: Settings, sockets: list[Sockets], collecting: _Collecting
) -> ExitCode:
    def command(worker: int, parent: int) -> list[str]:
        mine, path = sockets[worker], collecting.paths.get(worker)
        return Assignment(
            worker=worker,
            server=mine.server.fileno(),
            service=None if mine.service is None else mine.service.fileno(),
            parent=parent,
            metrics=None if path is None else str(path),
        ).command()

    count = len(sockets)
    events = WorkerEvents(
        started=lambda: log_started(sockets[0], settings, **totals(settings, count)),
        restarted=collecting.restarted,
        stopping=collecting.stop,
    )
    return await Workers([each.all for each in sockets], command, events).run()
