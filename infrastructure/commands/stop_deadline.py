"""A stop with a deadline, also when a database does not answer."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from infrastructure.failures import ExitCode

STOP_SECONDS = 4.8
"""From SIGTERM to the end of the process. Below five seconds, with room for the signal."""

_log = structlog.get_logger(__name__)


@contextmanager
def stop_deadline(seconds: float = STOP_SECONDS) -> Iterator[Callable[[], None]]:
    """Yields a function that starts the deadline; leaving the context ends it.

    At the deadline the process exits as on `kill -9`, which is safe: what was committed is kept,
    and attempts without an outcome are closed by another node or at the next start.
    """
    timer = threading.Timer(seconds, _exit)
    timer.daemon = True

    def begin() -> None:
        if timer.ident is None:
            timer.start()

    try:
        yield begin
    finally:
        timer.cancel()


def _exit() -> None:
    _log.error("stop_forced", reason="the database did not answer in time")
    os._exit(ExitCode.DONE)
