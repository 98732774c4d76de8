"""`unplug`, killed with -9 at a step: `python -m tests.e2e.nodes.killed STEP serve …`.

The program is the real one; only the steps that are named here are wrapped, to end it there.
"""

import os
import signal
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from domain.commands.disconnect_all_providers import DisconnectAllProvidersHandler
from domain.commands.disconnect_provider import DisconnectProviderHandler
from infrastructure.cli import main
from infrastructure.database.sqlite import commit
from infrastructure.database.sqlite import store as sqlite_store
from infrastructure.database.sqlite.store import SqliteStore
from infrastructure.persistence.provider_connections import TortoiseProviderConnectionRepository

Method = Callable[..., Awaitable[Any]]


def die(*_: object) -> NoReturn:
    """No handler, no clean-up, no flush."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def before(owner: type, name: str, call: int) -> None:
    """Dies when the method is called for the n-th time."""
    _wrap(owner, name, call, early=True)


def after(owner: type, name: str, call: int) -> None:
    """Dies when the n-th call of the method is done."""
    _wrap(owner, name, call, early=False)


def _wrap(owner: type, name: str, call: int, *, early: bool) -> None:
    method: Method = getattr(owner, name)
    calls = 0

    async def wrapped(*args: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        mine = calls
        if early and mine == call:
            die()
        result = await method(*args, **named)
        if mine == call:
            die()
        return result

    setattr(owner, name, wrapped)


def at_step(batch: int, step: int | None) -> None:
    """Dies when the writer's connection is about to run a step of the n-th batch; None: to commit.

    `sqlite3` reports the statement that writes a batch once for itself, once for its trigger and
    once for each step of that.
    """
    connect: Callable[..., sqlite3.Connection] = vars(sqlite_store)["connect"]
    batches = steps = 0

    def traced(*args: object, **options: object) -> sqlite3.Connection:
        connection = connect(*args, **options)

        def trace(statement: str) -> None:
            nonlocal batches, steps
            if statement.startswith("BEGIN"):
                batches, steps = batches + 1, -3
            elif statement.startswith("INSERT INTO temp.batch"):
                steps += 1
            reached = statement == "COMMIT" if step is None else steps == step
            if batches == batch and reached:
                die()

        connection.set_trace_callback(trace)
        return connection

    vars(sqlite_store)["connect"] = traced


OPENING, CLOSING = (commit.STEPS.index(step) for step in (commit.OPEN, commit.CLOSE))
REPOSITORY = TortoiseProviderConnectionRepository

STEPS: dict[str, Callable[[], None]] = {
    "before the connection is looked for": lambda: before(REPOSITORY, "find_owned", 1),
    "after the connection is found": lambda: after(REPOSITORY, "find_owned", 1),
    "before the transaction of Attempted": lambda: before(SqliteStore, "commit", 1),
    "when Attempted is about to be committed": lambda: at_step(1, None),
    "after Attempted is committed": lambda: after(SqliteStore, "commit", 1),
    "before the connection is saved": lambda: before(REPOSITORY, "save", 1),
    "before the transaction of the disconnection": lambda: before(SqliteStore, "commit", 2),
    "when the connection has been changed": lambda: at_step(2, CLOSING),
    "when the disconnection is about to be committed": lambda: at_step(2, None),
    "after the disconnection is committed": lambda: after(SqliteStore, "commit", 2),
    "before the answer": lambda: after(DisconnectProviderHandler, "handle", 1),
}

BATCH_STEPS: dict[str, Callable[[], None]] = {
    "when the batch has been opened": lambda: at_step(1, OPENING),
    "after the batch is committed": lambda: after(SqliteStore, "commit", 1),
    "when its second part has been changed": lambda: at_step(3, CLOSING),
    "before the batch's answer": lambda: after(DisconnectAllProvidersHandler, "handle", 1),
}

if __name__ == "__main__":
    (STEPS | BATCH_STEPS)[sys.argv.pop(1)]()
    main()
