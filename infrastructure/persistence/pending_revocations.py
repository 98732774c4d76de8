"""Pending revocations: outcomes are written by the writer, all else by the queue."""

import asyncio

from domain.events import (
    ProviderTokenRevocationFailed,
    ProviderTokenRevocationSucceeded,
    RecordedEvent,
)
from domain.ports import StorageError
from domain.token_revocation import Answers, LeasedRevocation
from infrastructure.database.revocations import Progress, RevocationQueue
from infrastructure.database.store import Write
from infrastructure.persistence.writer import Writer

DEADLINE = 5.0
"""Seconds for which an outcome waits for the database; another lease finds it again."""


class QueuedRevocations:
    """`PendingRevocations`."""

    def __init__(self, queue: RevocationQueue, writer: Writer) -> None:
        self._queue = queue
        self._writer = writer

    async def settle(
        self,
        leased: LeasedRevocation,
        outcome: ProviderTokenRevocationSucceeded | ProviderTokenRevocationFailed,
    ) -> RecordedEvent:
        try:
            async with asyncio.timeout(DEADLINE):
                write = Write(events=(outcome,), lease=leased.lease)
                (recorded,) = await self._writer.write(write)
        except TimeoutError:
            raise StorageError from None
        return recorded

    async def postpone(
        self, leased: LeasedRevocation, *, answers: Answers, code: str, seconds: float
    ) -> None:
        await self._queue.postpone(leased, Progress(answers=answers, code=code, seconds=seconds))
