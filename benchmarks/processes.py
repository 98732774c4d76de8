"""Servers and load, each in a process of its own."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.http_load import Plan as HttpPlan
from benchmarks.http_load import Report as HttpReport
from benchmarks.ws_load import Plan as WsPlan
from benchmarks.ws_load import Report as WsReport

START_SECONDS = 30.0


@contextlib.contextmanager
def serving(app: str, *arguments: str) -> Iterator["Server"]:
    """Serves `MODULE:FACTORY` on a free port of the loopback until the block ends."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.serve", app, str(port), *arguments]
    with running(command, port) as server:
        yield server


@contextlib.contextmanager
def running(
    command: list[str],
    port: int,
    environment: dict[str, str] | None = None,
    directory: Path | None = None,
) -> Iterator["Server"]:
    """Runs a server until the block ends; shows its log when something went wrong."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=directory)
        try:
            _wait_until_it_listens(process, port)
            yield Server(process.pid, port)
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read()[-4000:].decode(errors="replace"))
            raise
        finally:
            process.terminate()
            process.wait(timeout=30)


class Server:
    """A running server: where it listens, and what it costs."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid = pid
        self.port = port

    def memory(self) -> int:
        """Bytes of memory that are its own (Pss of /proc/PID/smaps_rollup)."""
        lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))

    def cpu(self) -> float:
        """Seconds of user and system time that it and its children have used so far."""
        return sum(map(_cpu, (self.pid, *_children(self.pid))))


def http_load(plan: HttpPlan) -> HttpReport:
    """Runs the plan in a process of its own; raises when an answer was wrong."""
    return HttpReport(**_load("benchmarks.http_load", asdict(plan)))


def ws_load(plan: WsPlan, when_open: Callable[[], None] | None = None) -> WsReport:
    """Runs the plan in a process of its own; `when_open` is called while all sockets are open.

    Raises when a frame was wrong.
    """
    return WsReport(**_load("benchmarks.ws_load", asdict(plan), when_open))


def _load(
    module: str, plan: dict[str, object], when_open: Callable[[], None] | None = None
) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(plan, file)
        file.flush()
        process = subprocess.Popen(
            [sys.executable, "-m", module, file.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        line = process.stdout.readline()
        if line == "ready\n" and when_open:
            when_open()
        process.stdin.close()
        rest = process.stdout.read()  # `communicate` would not see what `readline` has buffered
        process.stdout.close()
        if process.wait():
            raise RuntimeError(f"{module} failed, see above")
    report: dict[str, Any] = json.loads(rest or line)
    return report


def _children(pid: int) -> Iterator[int]:
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, file.read_text().split()):
            yield child
            yield from _children(child)


def _cpu(pid: int) -> float:
    """Fields 14 and 15 of /proc/PID/stat; the name before them may hold anything."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _wait_until_it_listens(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def free_port() -> int:
    """A free port of the loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
