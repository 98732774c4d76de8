"""All writes of a process, one transaction at a time."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Self

import structlog

from domain.events import RecordedEvent
from domain.ports import StorageError
from infrastructure.database.members import Member, Write
from infrastructure.database.store import (
    BatchStore,
    MemberRefused,
    MembersBlocked,
    Outcome,
    OutcomeUnknown,
    ReadBack,
    StillInDoubt,
)
from infrastructure.persistence.pending_writes import Aside, PendingWrite, awaited, fail, members
from infrastructure.retry import back_off

log = structlog.get_logger(__name__)

MAX_QUEUED = 10_000
MAX_BATCH = 500


class Writer:
    """Group commit: the writes that are queued when the previous commit ends are one transaction.

    A write whose caller is gone before its batch began is dropped; once begun, it is finished. A
    caller's timeout is thus its write's deadline. Writes that need a row which another session has
    locked go aside together, for at most the store's lock timeout, and hold up no others.
    `on_committed` is called after each commit and before any caller is answered; it must not block
    or raise.
    """

    def __init__(
        self,
        store: BatchStore,
        on_committed: Callable[[Sequence[RecordedEvent]], None],
        *,
        max_queued: int = MAX_QUEUED,
    ) -> None:
        self._store = store
        self._on_committed = on_committed
        self._max_queued = max_queued
        self._queue: deque[PendingWrite] = deque()
        self._queued = asyncio.Event()
        self._aside = Aside(store.lock_timeout)
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begins to take writes, on the running loop."""
        self._task = asyncio.create_task(self._run())
        return self

    async def write(self, member: Member) -> Sequence[RecordedEvent]:
        """Its events; durable when it returns.

        Raises `ConcurrentUpdate`, `AttemptClosed`, or `StorageError`: also when the queue is full
        or the writer is closed. Nothing was written then.
        """
        if self._task is None or self._closing or len(self._queue) >= self._max_queued:
            raise StorageError
        pending = PendingWrite(member)
        self._queue.append(pending)
        self._queued.set()
        return await pending.outcome

    async def probe(self) -> None:
        """Returns when a write would be accepted now. Raises `StorageError`."""
        await self.write(Write())

    async def __aexit__(self, *_: object) -> None:
        """Takes no more writes, and returns when those that were taken are done.

        A database that can't even be read back is not waited for: its callers are cancelled, since
        it is unknown what was written.
        """
        self._closing = True
        self._queued.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while True:
            await self._work()
            if self._aside.is_due:
                await self._guarded(self._aside.all, self._recall())
            await asyncio.sleep(0)  # callers that were just answered may write again at once
            if batch := self._next_batch():
                await self._guarded(batch, self._settle(batch))
            elif self._closing:
                return self._aside.give_up()

    async def _work(self) -> None:
        """Until there is some."""
        if not self._queue:
            self._queued.clear()
        if not self._closing:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._aside.due):
                    await self._queued.wait()

    def _next_batch(self) -> list[PendingWrite]:
        batch: list[PendingWrite] = []
        while self._queue and len(batch) < MAX_BATCH:
            pending = self._queue.popleft()
            if pending.is_awaited and not self._aside.takes(pending):
                batch.append(pending)
        return batch

    async def _guarded(self, batch: Sequence[PendingWrite], work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as fault:
            # A fault of ours: what was written is unknown, so this is no `StorageError`.
            log.exception("commit_faulty")
            for pending in awaited(batch):
                pending.outcome.set_exception(fault)

    async def _settle(self, batch: list[PendingWrite]) -> None:
        """Until every member that is still awaited has its answer, or is set aside."""
        while batch:
            try:
                outcomes = await self._store.commit(members(batch))
            except MembersBlocked:
                batch = await self._without_blocked(batch)
            except MemberRefused:
                return await self._one_by_one(batch)
            except StorageError:
                return fail(batch)
            except OutcomeUnknown:
                batch = await self._not_written(batch)
            else:
                return self._answer(batch, outcomes)
        return None

    async def _one_by_one(self, batch: list[PendingWrite]) -> None:
        if len(batch) == 1:
            return fail(batch)
        for pending in batch:
            await self._settle(awaited([pending]))
        return None

    async def _without_blocked(self, batch: list[PendingWrite]) -> list[PendingWrite]:
        """Sets those aside that wait for locked rows, and returns the others."""
        try:
            locked = await self._store.locked_rows(members(batch))
        except StorageError:
            fail(batch)
            return []
        rest = self._aside.add_blocked(batch, locked)
        if len(rest) == len(batch):
            # What they waited for is no row, or is free again.
            await self._one_by_one(batch) if len(batch) > 1 else self._aside.add(batch)
            return []
        return awaited(rest)

    async def _not_written(self, batch: list[PendingWrite]) -> list[PendingWrite]:
        """Answers those that were written, sets aside those in doubt, and returns the others."""
        pauses = back_off()
        while awaited(batch):
            try:
                found = await self._store.read_back(members(batch))
            except StorageError:
                if self._closing:
                    for pending in batch:
                        pending.outcome.cancel()
                await asyncio.sleep(next(pauses))
            else:
                return self._sort(batch, found)
        return []

    def _sort(self, batch: Sequence[PendingWrite], found: Sequence[ReadBack]) -> list[PendingWrite]:
        read = list(zip(batch, found, strict=True))
        written = [(pending, events) for pending, events in read if isinstance(events, Sequence)]
        self._answer([pending for pending, _ in written], [events for _, events in written])
        self._aside.add([p for p, events in read if isinstance(events, StillInDoubt)], doubt=True)
        again = awaited([pending for pending, events in read if events is None])
        for pending in again:
            pending.try_again()
        return again

    async def _recall(self) -> None:
        """Members that were set aside come first in the next batch, if their rows are free."""
        blocked, in_doubt = self._aside.take()
        free: list[PendingWrite] = []
        try:
            if in_doubt:
                found = await self._store.read_back(members(in_doubt))
                free, in_doubt = self._sort(in_doubt, found), []
            locked = await self._store.locked_rows(members(blocked))
        except StorageError:
            self._aside.add(in_doubt, doubt=True)
            self._aside.add(blocked)
            locked, blocked = (), []
        free += self._aside.add_blocked(blocked, locked)
        self._queue.extendleft(reversed(free))

    def _answer(self, batch: Sequence[PendingWrite], outcomes: Sequence[Outcome]) -> None:
        recorded = [item for each in outcomes if isinstance(each, Sequence) for item in each]
        if recorded:
            self._announce(recorded)
        for pending, outcome in zip(batch, outcomes, strict=True):
            if pending.outcome.done():
                continue
            if isinstance(outcome, Sequence):
                pending.outcome.set_result(outcome)
            else:
                pending.outcome.set_exception(outcome)

    def _announce(self, recorded: Sequence[RecordedEvent]) -> None:
        try:
            self._on_committed(recorded)
        except Exception:
            # A fault of ours; what is committed stays committed, and its callers are answered.
            log.exception("announcement_failed")
