"""All writes of a process, one transaction at a time."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from domain.events import RecordedEvent
from domain.ports import StorageError
from infrastructure.database.store import BatchStore, MemberRefused, Outcome, OutcomeUnknown, Write
from infrastructure.retry import back_off

log = structlog.get_logger(__name__)

MAX_QUEUED = 10_000
MAX_BATCH = 500


@dataclass(slots=True, eq=False)
class _Member:
    write: Write
    outcome: "asyncio.Future[RecordedEvent]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Writer:
    """Group commit: whatever is queued when the previous commit ends becomes one transaction.

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
        self._queue: deque[_Member] = deque()
        self._queued = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to take writes, on the running loop."""
        self._task = asyncio.create_task(self._run())

    async def write(self, write: Write) -> RecordedEvent:
        """Durable when it returns.

        Raises `ConcurrentUpdate`, `AttemptClosed`, or `StorageError`: also when the queue is full
        or the writer is closed. Nothing was written then.
        """
        if self._task is None or self._closing or len(self._queue) >= self._max_queued:
            raise StorageError
        member = _Member(write)
        self._queue.append(member)
        self._queued.set()
        return await member.outcome

    async def aclose(self) -> None:
        """Takes no more writes, and returns when those that were taken are done.

        A database that can't even be read back is not waited for: its callers are cancelled, since
        nobody can tell them what was written.
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

    def _next_batch(self) -> list[_Member]:
        batch: list[_Member] = []
        while self._queue and len(batch) < MAX_BATCH:
            member = self._queue.popleft()
            if not member.outcome.done():
                batch.append(member)
        return batch

    async def _settle_safely(self, batch: list[_Member]) -> None:
        try:
            await self._settle(batch)
        except Exception as fault:
            # Ours, and nobody knows what was written: not a `StorageError`. Others go on writing.
            log.exception("commit_faulty")
            for member in _awaited(batch):
                member.outcome.set_exception(fault)

    async def _settle(self, batch: list[_Member]) -> None:
        """Until every member that is still awaited has its answer."""
        while batch:
            try:
                outcomes = await self._store.commit([member.write for member in batch])
            except MemberRefused:
                if len(batch) == 1:
                    return _fail(batch)
                for member in batch:
                    await self._settle(_awaited([member]))
                return None
            except StorageError:
                return _fail(batch)
            except OutcomeUnknown:
                batch = await self._read_back(batch)
            else:
                self._answer(batch, outcomes)
                return None
        return None

    async def _read_back(self, batch: list[_Member]) -> list[_Member]:
        """Answers those that are in the log after all, and returns the others."""
        pauses = back_off()
        while _awaited(batch):
            try:
                found = await self._store.read_back([member.write for member in batch])
            except StorageError:
                if self._closing:
                    for member in batch:
                        member.outcome.cancel()
                await asyncio.sleep(next(pauses))
                continue
            landed = [member for member in batch if member.write.event.id in found]
            self._answer(landed, [found[member.write.event.id] for member in landed])
            return _awaited([member for member in batch if member not in landed])
        return []

    def _answer(self, batch: Sequence[_Member], outcomes: Sequence[Outcome]) -> None:
        recorded = [outcome for outcome in outcomes if isinstance(outcome, RecordedEvent)]
        if recorded:
            self._announce(recorded)
        for member, outcome in zip(batch, outcomes, strict=True):
            if member.outcome.done():
                continue
            if isinstance(outcome, RecordedEvent):
                member.outcome.set_result(outcome)
            else:
                member.outcome.set_exception(outcome)

    def _announce(self, recorded: Sequence[RecordedEvent]) -> None:
        try:
            self._on_committed(recorded)
        except Exception:
            # A fault of ours; what is committed stays committed, and its callers are answered.
            log.exception("announcement_failed")


def _awaited(batch: Sequence[_Member]) -> list[_Member]:
    return [member for member in batch if not member.outcome.done()]


def _fail(batch: Sequence[_Member]) -> None:
    for member in _awaited(batch):
        member.outcome.set_exception(StorageError())
