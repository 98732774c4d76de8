"""Ends attempts that have no outcome: their command timed out, or its process died."""

import asyncio
from datetime import timedelta

import structlog

from domain.events import FailureReason
from domain.identifiers import AttemptId, EventId
from domain.ports import AttemptClosed, NewId, Now, StorageError
from infrastructure.database.members import CloseAttempt
from infrastructure.database.store import Abandoned, Store
from infrastructure.persistence.writer import Writer

PAGE_SIZE = 500
DEADLINE = 5.0
"""Seconds for which a sweep waits for its writes; the next one tries again."""

_log = structlog.get_logger(__name__)


class OpenAttempts:
    """Closes them as `Failed`, through the writer like every other event."""

    def __init__(self, store: Store, writer: Writer, *, now: Now, new_id: NewId) -> None:
        self._store = store
        self._writer = writer
        self._now = now
        self._new_id = new_id
        self._reported: set[AttemptId] = set()

    async def close(self, attempt_id: AttemptId, reason: FailureReason) -> bool:
        """Whether it was open. Follows earlier writes in the writer's queue.

        Raises `StorageError`, and then nothing was written.
        """
        closing = CloseAttempt(
            attempt_id=attempt_id,
            event_id=EventId(self._new_id()),
            occurred_at=self._now(),
            reason=reason,
        )
        try:
            await self._writer.write(closing)
        except AttemptClosed:  # it has its outcome already, or was never recorded
            return False
        return True

    async def _interrupt(self, attempt_id: AttemptId) -> bool:
        try:
            async with asyncio.timeout(DEADLINE):
                return await self.close(attempt_id, FailureReason.INTERRUPTED)
        except TimeoutError:
            raise StorageError from None

    async def close_abandoned(self, older_than: timedelta) -> int:
        """Interrupts those that are open for longer by the database's clock; says how many."""
        return await self.close_all(Abandoned(older_than=older_than))

    async def close_all(self, wanted: Abandoned) -> int:
        """Interrupts those that are wanted; says how many. Raises `StorageError`.

        One that can't be closed, because its user's log is full, is logged, and the others are
        closed.
        """
        closed, last, failed = 0, None, set[AttemptId]()
        while page := await self._store.abandoned(wanted, last, PAGE_SIZE):
            last = page[-1]
            closing = (self._interrupt(attempt_id) for attempt_id in page)
            outcomes = await asyncio.gather(*closing, return_exceptions=True)
            for attempt_id, outcome in zip(page, outcomes, strict=True):
                match outcome:
                    case bool():
                        closed += outcome
                    case StorageError():
                        failed.add(attempt_id)
                    case _:
                        raise outcome
        for attempt_id in failed - self._reported:
            _log.warning("attempt_not_closed", attempt_id=str(attempt_id))
        self._reported = failed
        return closed
