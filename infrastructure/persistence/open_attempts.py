"""Attempts whose process died, or lost the database, before their outcome."""

import asyncio
from datetime import timedelta

from domain.events import FailureReason, ProviderDisconnectionFailed, ProviderEvent
from domain.identifiers import EventId
from domain.ports import AttemptClosed, NewId, Now
from infrastructure.database.store import Store, Write
from infrastructure.persistence.writer import Writer

PAGE_SIZE = 500


class OpenAttempts:
    """Closes them as `Failed(INTERRUPTED)`, through the writer like every other event."""

    def __init__(self, store: Store, writer: Writer, *, now: Now, new_id: NewId) -> None:
        self._store = store
        self._writer = writer
        self._now = now
        self._new_id = new_id

    async def close_abandoned(self, older_than: timedelta | None) -> int:
        """Closes those that are open for longer by the database's clock, or all; says how many.

        All is for a start of the only server. Raises `StorageError`.
        """
        closed = 0
        while attempted := await self._store.abandoned(older_than, PAGE_SIZE):
            closed += sum(await asyncio.gather(*map(self._close, attempted)))
        return closed

    async def _close(self, attempted: ProviderEvent) -> bool:
        failed = ProviderDisconnectionFailed(
            id=EventId(self._new_id()),
            occurred_at=self._now(),
            user_id=attempted.user_id,
            connection_id=attempted.connection_id,
            attempt_id=attempted.attempt_id,
            provider=attempted.provider,
            reason=FailureReason.INTERRUPTED,
        )
        try:
            await self._writer.write(Write(event=failed))
        except AttemptClosed:  # its own process, or another node, was faster
            return False
        return True
