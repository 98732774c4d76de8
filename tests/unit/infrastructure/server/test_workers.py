"""Workers that start, fail and end, as small programs in their place."""

import os
import signal
import sys
from collections.abc import Callable
from socket import socket

import pytest

from infrastructure.failures import ExitCode
from infrastructure.server.workers import HOPELESS, WorkerEvents, Workers


class Seen:
    """What the parent is told. Stops when all workers have started."""

    def __init__(self) -> None:
        self.restarted: list[int] = []
        self.stopping = 0

    def stops(self) -> None:
        self.stopping += 1

    def events(self) -> WorkerEvents:
        return WorkerEvents(
            started=lambda: os.kill(os.getpid(), signal.SIGTERM),
            restarted=self.restarted.append,
            stopping=self.stops,
        )


async def run(script: Callable[[int, int], str], seen: Seen, count: int = 2) -> ExitCode:
    """With a listening socket for each worker, whose scripts are told their parent's descriptor."""
    sockets = [[socket()] for _ in range(count)]

    def command(worker: int, parent: int) -> list[str]:
        return [sys.executable, "-c", script(worker, parent)]

    code = await Workers(sockets, command, seen.events()).run()
    assert all(each.fileno() == -1 for group in sockets for each in group)
    return code


def serving(parent: int, then: str = "time.sleep(60)") -> str:
    return f"import os, time; os.write({parent}, b'+'); {then}"


async def test_they_run_until_a_signal_which_all_are_sent() -> None:
    seen = Seen()

    assert await run(lambda _, parent: serving(parent), seen) is ExitCode.DONE

    assert (seen.restarted, seen.stopping) == ([], 1)


async def test_one_that_ends_is_started_again_until_it_serves() -> None:
    seen, starts = Seen(), [0, 0]

    def script(worker: int, parent: int) -> str:
        starts[worker] += 1
        fails = worker == 1 and starts[worker] <= 2
        return "raise SystemExit(3)" if fails else serving(parent)

    assert await run(script, seen) is ExitCode.DONE

    assert (starts, seen.restarted) == ([1, 3], [1, 1])


@pytest.mark.parametrize("code", sorted(HOPELESS))
async def test_one_that_can_never_start_ends_all_with_its_code(code: ExitCode) -> None:
    seen = Seen()

    def script(worker: int, parent: int) -> str:
        return f"raise SystemExit({code:d})" if worker == 0 else serving(parent)

    assert await run(script, seen) is code

    assert (seen.restarted, seen.stopping) == ([], 1)


async def test_one_that_has_served_may_fail_in_that_way_and_is_started_again() -> None:
    seen, starts = Seen(), [0, 0]

    def script(worker: int, parent: int) -> str:
        """The other worker starts once this one is there again."""
        starts[worker] += 1
        if worker == 0 and starts[0] == 1:
            return serving(parent, "raise SystemExit(2)")
        return serving(parent) if starts[0] > 1 else "raise SystemExit(1)"

    assert await run(script, seen) is ExitCode.DONE

    assert starts[0] == 2
