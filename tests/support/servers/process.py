"""Processes of servers on the loopback: their ports, and when they are ready."""

import contextlib
import random
import socket
import subprocess
import time
from collections.abc import Callable

STARTS_WITHIN = 30.0

UNPRIVILEGED = 65_534
"""The user for servers that refuse to run as root."""


def free_port() -> int:
    """A TCP port on the loopback that no process listens on now.

    Outside of the range that clients get theirs from: a client that tries again and again while the
    server is away would sooner or later be connected to itself, and take the port.
    """
    while True:
        port = random.randint(20_000, 30_000)  # noqa: S311  (nothing secret)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_until(condition: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    """Until a server that was started is there. Raises when it ends or takes too long."""
    give_up_at = time.monotonic() + STARTS_WITHIN
    while not condition():
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"{process.args!r} is not ready")
        time.sleep(0.02)


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
