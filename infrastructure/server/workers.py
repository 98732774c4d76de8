"""Worker processes on shared ports: started, started again when they end, stopped together."""

import asyncio
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from socket import socket, socketpair

import structlog

from infrastructure.failures import ExitCode
from infrastructure.retry import LONGEST_PAUSE, back_off

KILL_SECONDS = 4.9
"""After a signal to stop. Workers have ended by themselves before; one that hangs is killed."""

STARTED = b"+"
"""What a worker writes to its parent once it accepts requests."""

HOPELESS = frozenset({ExitCode.WRONG_USAGE, ExitCode.SCHEMA_OUTDATED, ExitCode.KEY_MISSING})
"""Exit codes of a worker that would end in the same way when it is started again."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerEvents:
    """What the parent calls: once all accept requests, for each restart, and on a stop."""

    started: Callable[[], None]
    restarted: Callable[[int], None]
    stopping: Callable[[], None]


class Workers:
    """One process for each group of listening sockets, which worker `n` inherits.

    The sockets stay open here: connections that are queued on a worker that has died are accepted
    by the next one. `command` gives a worker's command line from its number and the descriptor of
    a connection to this process, which ends with it: no worker outlives its parent.
    """

    def __init__(
        self,
        sockets: Sequence[Sequence[socket]],
        command: Callable[[int, int], Sequence[str]],
        events: WorkerEvents,
    ) -> None:
        self._sockets = sockets
        self._command = command
        self._events = events
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._have_served: set[int] = set()
        self._stopping = asyncio.Event()
        self._exit_code = ExitCode.DONE

    async def run(self) -> ExitCode:
        """Until SIGTERM, SIGINT or SIGHUP, which all workers are sent: 0 when they have ended.

        A worker whose first start fails for a reason that lasts ends all; its exit code is
        returned.
        """
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._stop, number)
        async with asyncio.TaskGroup() as group:
            for worker in range(len(self._sockets)):
                group.create_task(self._keep(worker))
        return self._exit_code

    async def _keep(self, worker: int) -> None:
        loop, pauses = asyncio.get_running_loop(), back_off()
        while not self._stopping.is_set():
            began = loop.time()
            try:
                status = await self._run_once(worker)
            except OSError:  # the system is short of processes, memory or descriptors
                status = ExitCode.FAILED
            if self._stopping.is_set():
                return
            if worker not in self._have_served and status in HOPELESS:
                self._exit_code = ExitCode(status)
                self._stop(signal.SIGTERM)
                return
            _log.error("worker_ended", worker=worker, status=status)
            self._events.restarted(worker)
            if loop.time() - began > 2 * LONGEST_PAUSE:
                pauses = back_off()
            await _first(self._stopping, next(pauses))

    async def _run_once(self, worker: int) -> int:
        """The exit status of one process."""
        loop = asyncio.get_running_loop()
        ours, theirs = socketpair()
        with ours:
            ours.setblocking(False)
            with theirs:
                process = self._spawn(worker, theirs)
            self._processes[worker] = process
            if await loop.sock_recv(ours, 1) == STARTED:
                self._has_started(worker)
                await loop.sock_recv(ours, 1)
        return await asyncio.to_thread(process.wait)

    def _spawn(self, worker: int, theirs: socket) -> "subprocess.Popen[bytes]":
        inherited = [listening.fileno() for listening in self._sockets[worker]]
        return subprocess.Popen(  # noqa: S603 (a command line of ours)
            self._command(worker, theirs.fileno()),
            stdin=subprocess.DEVNULL,
            pass_fds=[*inherited, theirs.fileno()],
            process_group=0,  # Ctrl-C reaches this process alone, which sends it to the workers
        )

    def _has_started(self, worker: int) -> None:
        missing = len(self._have_served) < len(self._sockets)
        self._have_served.add(worker)
        if missing and len(self._have_served) == len(self._sockets):
            self._events.started()

    def _stop(self, number: signal.Signals) -> None:
        self._send(number)
        if self._stopping.is_set():
            return
        self._stopping.set()
        asyncio.get_running_loop().call_later(KILL_SECONDS, partial(self._send, signal.SIGKILL))
        for listening in self._sockets:
            for each in listening:
                each.close()
        self._events.stopping()

    def _send(self, number: signal.Signals) -> None:
        for process in self._processes.values():
            process.send_signal(number)


async def _first(event: asyncio.Event, seconds: float) -> None:
    """Returns when it is set, or after so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
