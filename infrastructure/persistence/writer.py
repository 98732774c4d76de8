"""All writes of a process, one transaction at a time."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from domain.events import RecordedEvent
from domain.ports import StorageError
from infrastructure.database.store import (
    BatchStore,
    Member,
    MemberRefused,
    Outcome,
    OutcomeUnknown,
)
from infrastructure.retry import back_off

log = structlog.get_logger(__name__)

MAX_QUEUED = 10_000
MAX_BATCH = 500


@dataclass(slots=True, eq=False)
class PendingWrite:
    """A write in the queue, and its caller's future."""

    member: Member
    outcome: "asyncio.Future[Sequence[RecordedEvent]]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Writer:
    """Group commit: the writes that are queued when the previous commit ends are one transaction.

    A write whose caller is gone before its batch began is dropped; once begun, it is finished. A
    caller's timeout is thus its write's deadline. `on_committed` is called after each commit and
    before any caller is answered; it must not block or raise.
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
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to take writes, on the running loop."""
        self._task = asyncio.create_task(self._run())

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

    async def aclose(self) -> None:
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
            await self._queued.wait()
            batch = self._next_batch()
            if batch:
                await self._settle_safely(batch)
            elif self._closing:
                return
            else:
                self._queued.clear()

    def _next_batch(self) -> list[PendingWrite]:
        batch: list[PendingWrite] = []
        while self._queue and len(batch) < MAX_BATCH:
            pending = self._queue.popleft()
            if not pending.outcome.done():
                batch.append(pending)
        return batch

    async def _settle_safely(self, batch: list[PendingWrite]) -> None:
        try:
            await self._settle(batch)
        except Exception as fault:
            # A fault of ours: what was written is unknown, so this is no `StorageError`.
            log.exception("commit_faulty")
            for pending in _awaited(batch):
                pending.outcome.set_exception(fault)

    async def _settle(self, batch: list[PendingWrite]) -> None:
        """Until every member that is still awaited has its answer."""
        while batch:
            try:
                outcomes = await self._store.commit([pending.member for pending in batch])
            except MemberRefused:
                if len(batch) == 1:
                    return _fail(batch)
                for pending in batch:
                    await self._settle(_awaited([pending]))
                return None
            except StorageError:
                return _fail(batch)
            except OutcomeUnknown:
                batch = await self._read_back(batch)
            else:
                self._answer(batch, outcomes)
                return None
        return None

    async def _read_back(self, batch: list[PendingWrite]) -> list[PendingWrite]:
        """Answers those that are in the log after all, and returns the others."""
        pauses = back_off()
        while _awaited(batch):
            try:
                found = await self._store.read_back([pending.member for pending in batch])
            except StorageError:
                if self._closing:
                    for pending in batch:
                        pending.outcome.cancel()
                await asyncio.sleep(next(pauses))
                continue
            written = list(zip(batch, found, strict=True))
            landed = [(pending, events) for pending, events in written if events is not None]
            self._answer([pending for pending, _ in landed], [events for _, events in landed])
            return _awaited([pending for pending, events in written if events is None])
        return []

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


def _awaited(batch: Sequence[PendingWrite]) -> list[PendingWrite]:
    return [pending for pending in batch if not pending.outcome.done()]


def _fail(batch: Sequence[PendingWrite]) -> None:
    for pending in _awaited(batch):
        pending.outcome.set_exception(StorageError())
