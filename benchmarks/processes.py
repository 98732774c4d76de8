"""Servers and load, each in a process of its own."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from benchmarks.http_load import Plan, Report

START_SECONDS = 30.0


@contextlib.contextmanager
def serving(app: str, *arguments: str) -> Iterator["Server"]:
    """Serves `MODULE:FACTORY` on a free port of the loopback until the block ends."""
    port = _free_port()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.serve", app, str(port), *arguments],
            stdout=log,
            stderr=log,
        )
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


def http_load(plan: Plan) -> Report:
    """Runs the plan in a process of its own; raises when an answer was wrong."""
    return Report(**_load("benchmarks.http_load", asdict(plan)))


def _load(module: str, plan: dict[str, object]) -> dict[str, float]:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(plan, file)
        file.flush()
        done = subprocess.run(
            [sys.executable, "-m", module, file.name],
            stdout=subprocess.PIPE,
            check=True,
            env=os.environ | {"PYTHONWARNINGS": "default"},
        )
    report: dict[str, float] = json.loads(done.stdout)
    return report


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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
