"""Pages of users' logs, read in the background."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Self, TypeAlias

import structlog

from domain.events import EventCursor, RecordedEvent
from domain.ports import EventLog, LogReplaced, StorageError
from infrastructure.retry import back_off, end_task

log = structlog.get_logger(__name__)

PAGE_SIZE = 200
AT_ONCE, LEFT = 8, 2
"""Reads at most, and connections that they leave to commands, while all clients subscribe again."""
PATIENCE = 30.0

Done: TypeAlias = Callable[[Sequence[RecordedEvent] | None], None]
"""Is given the events after a cursor, or None when they can't be read."""


class LogReader:
    """Reads are tasks, which end with the context of the reader.

    A log that can't be read is tried again, with pauses, for `patience` seconds. `connections` is
    the size of the pool that commands use, too.
    """

    def __init__(
        self,
        log: EventLog,
        *,
        page_size: int = PAGE_SIZE,
        patience: float = PATIENCE,
        connections: int = AT_ONCE + LEFT,
    ) -> None:
        self.page_size = page_size
        self._log = log
        self._patience = patience
        self._places = asyncio.Semaphore(max(1, min(AT_ONCE, connections - LEFT)))
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*map(end_task, self._tasks))

    def read(self, after: EventCursor, still_wanted: Callable[[], bool], done: Done) -> None:
        """Calls `done` on a later turn of the event loop, with up to `page_size` events.

        With None when the event at the cursor is not the cursor's, when patience is over, and when
        the log can't be read and is not `still_wanted`.
        """
        task = asyncio.create_task(self._read(after, still_wanted, done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self, after: EventCursor, still_wanted: Callable[[], bool], done: Done) -> None:
        try:
            page = await self._read_patiently(after, still_wanted)
        except StorageError:
            page = None  # the adapter has logged it
        except LogReplaced:
            log.warning("log_replaced", user_id=str(after.user_id), position=after.position)
            page = None
        except Exception:
            log.exception("read_faulty")
            page = None
        done(page)

    async def _read_patiently(
        self, after: EventCursor, still_wanted: Callable[[], bool]
    ) -> Sequence[RecordedEvent]:
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self._patience
        pauses = back_off()
        while True:
            try:
                async with self._places:
                    return await self._log.read(after, self.page_size)
            except StorageError:
                pause = next(pauses)
                if loop.time() + pause > give_up_at or not still_wanted():
                    raise
                await asyncio.sleep(pause)
