"""Writes whose callers wait: those of a batch, and those that were set aside."""

import asyncio
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from uuid_utils.compat import uuid7

from domain.events import RecordedEvent
from domain.ports import StorageError
from infrastructure.database.members import Member, tried_again

PAUSE = 0.1
"""Seconds between two looks at rows that are locked."""


@dataclass(slots=True, eq=False)
class PendingWrite:
    """A member of a batch that is to come, and its caller's future."""

    member: Member
    outcome: "asyncio.Future[Sequence[RecordedEvent]]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    set_aside_at: float | None = None

    @property
    def is_awaited(self) -> bool:
        """Whether its caller waits for an answer."""
        return not self.outcome.done()

    def try_again(self) -> None:
        """Its last try was not found."""
        self.member = tried_again(self.member, uuid7)


class Aside:
    """Writes that wait for rows which other sessions have locked, in their order.

    Blocked ones are certainly not written: they fail after `lock_timeout` seconds, and are dropped
    when their callers are gone. Those in doubt stay until it is known what became of them: what
    follows them in the same attempt waits with them.
    """

    def __init__(self, lock_timeout: float) -> None:
        self._lock_timeout = lock_timeout
        self._blocked: list[PendingWrite] = []
        self._in_doubt: list[PendingWrite] = []
        self._locked: set[UUID] = set()
        self._keys: set[Hashable] = set()
        self.due: float | None = None
        """When to look again, by the event loop's clock; None when nothing is here."""

    @property
    def is_due(self) -> bool:
        """Whether it is time to look again."""
        return self.due is not None and self.due <= _now()

    @property
    def all(self) -> Sequence[PendingWrite]:
        """Those here now."""
        return [*self._in_doubt, *self._blocked]

    def add(self, batch: Iterable[PendingWrite], *, doubt: bool = False) -> None:
        """All of them, with all rows that they need."""
        for pending in batch:
            self._locked |= pending.member.rows
            self._put(pending, self._in_doubt if doubt else self._blocked)

    def add_blocked(
        self, batch: Iterable[PendingWrite], locked: Collection[UUID]
    ) -> list[PendingWrite]:
        """Those that need one of the locked rows, or follow such a one; returns the others."""
        self._locked.update(locked)
        return [pending for pending in batch if not self.takes(pending)]

    def takes(self, pending: PendingWrite) -> bool:
        """Whether it has to wait here as well; then it does."""
        if not self._locked and not self._keys:
            return False
        member = pending.member
        if self._locked.isdisjoint(member.rows) and self._keys.isdisjoint(member.keys):
            return False
        self._put(pending, self._blocked)
        return True

    def take(self) -> tuple[list[PendingWrite], list[PendingWrite]]:
        """Those that are blocked, and those in doubt. Blocked ones that waited too long fail."""
        late = _now() - self._lock_timeout
        fail([each for each in self._blocked if (each.set_aside_at or late) < late])
        blocked, in_doubt = awaited(self._blocked), self._in_doubt
        self._blocked, self._in_doubt, self.due = [], [], None
        self._locked, self._keys = set(), set()
        return blocked, in_doubt

    def give_up(self) -> None:
        """At the end: what is certainly not written fails, and the rest cannot be answered."""
        fail(self._blocked)
        for pending in self._in_doubt:
            pending.outcome.cancel()

    def _put(self, pending: PendingWrite, where: list[PendingWrite]) -> None:
        if pending.set_aside_at is None:
            pending.set_aside_at = _now()
        where.append(pending)
        self._keys |= pending.member.keys
        if self.due is None:
            self.due = _now() + PAUSE


def awaited(batch: Iterable[PendingWrite]) -> list[PendingWrite]:
    """Those whose callers wait for an answer."""
    return [pending for pending in batch if pending.is_awaited]


def fail(batch: Iterable[PendingWrite]) -> None:
    """Answers that nothing was written."""
    for pending in awaited(batch):
        pending.outcome.set_exception(StorageError())


def members(batch: Iterable[PendingWrite]) -> list[Member]:
    """What a store writes of them."""
    return [pending.member for pending in batch]


def _now() -> float:
    return asyncio.get_running_loop().time()
