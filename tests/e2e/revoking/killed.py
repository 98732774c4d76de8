"""`unplug`, killed with -9 during a revocation: `python -m tests.e2e.revoking.killed STEP …`.

The program is the real one; only the steps that are named here are wrapped, to end it there. Its
leases are short, so that another node goes on soon.
"""

import sys
from collections.abc import Callable

from infrastructure.cli import main
from infrastructure.database.postgres.leases import PostgresRevocationQueue
from infrastructure.database.postgres.store import PostgresStore
from infrastructure.database.sqlite.leases import SqliteRevocationQueue
from infrastructure.database.sqlite.store import SqliteStore
from infrastructure.outbound_http import OutboundHttp
from infrastructure.persistence.pending_revocations import QueuedRevocations
from infrastructure.providers import worker
from tests.e2e.nodes.killed import Method, after, before, die

LEASE = 1.0


def when_taken() -> None:
    """Dies when a worker has taken something."""
    for owner in (SqliteRevocationQueue, PostgresRevocationQueue):
        _die_when_it_returns_something(owner)


def _die_when_it_returns_something(owner: type) -> None:
    method: Method = owner.__dict__["lease"]

    async def wrapped(*args: object) -> object:
        taken = await method(*args)
        if taken:
            die()
        return taken

    owner.lease = wrapped  # type: ignore[attr-defined]


def after_second_commit() -> None:
    """`Attempted` is the first."""
    for owner in (SqliteStore, PostgresStore):
        after(owner, "commit", 2)


STEPS: dict[str, Callable[[], None]] = {
    "after the disconnection is committed": after_second_commit,
    "after the lease is taken": when_taken,
    "before the provider is asked": lambda: before(OutboundHttp, "request", 1),
    "after its first answer": lambda: after(OutboundHttp, "request", 1),
    "after all answers": lambda: before(QueuedRevocations, "settle", 1),
    "after the outcome is recorded": lambda: after(QueuedRevocations, "settle", 1),
}

if __name__ == "__main__":
    vars(worker).update(LEASE=LEASE, REQUEST=LEASE / 2)
    STEPS[sys.argv.pop(1)]()
    main()
