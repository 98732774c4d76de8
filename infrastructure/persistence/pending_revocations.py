"""Pending revocations: outcomes are written by the writer, all else by the queue."""

import asyncio
from collections.abc import AsyncIterator, Callable
from uuid import UUID

from domain.events import (
    ProviderTokenRevocationFailed,
    ProviderTokenRevocationSucceeded,
    RecordedEvent,
)
from domain.ports import StorageError, UnknownKey
from domain.token_revocation import Answers, LeasedRevocation
from infrastructure.database.revocations import Progress, RevocationQueue
from infrastructure.database.rows import as_uuid
from infrastructure.database.statements import Statement
from infrastructure.database.store import Store, Write
from infrastructure.persistence.writer import Writer

DEADLINE = 5.0
"""Seconds for which an outcome waits for the database; another lease finds it again."""

_PAGE = Statement(
    "SELECT attempt_id, connection_id, encrypted_credentials FROM pending_revocations"
    " WHERE attempt_id > $1 ORDER BY attempt_id LIMIT 500"
)
_REPLACE = Statement(
    "UPDATE pending_revocations SET encrypted_credentials = $3"
    " WHERE attempt_id = $1 AND encrypted_credentials = $2",
    destroys=True,  # what the old key encrypted is to go as well
)


async def rotate_pending(
    store: Store, rotate: Callable[[bytes], bytes | None]
) -> AsyncIterator[tuple[UUID, bool]]:
    """Re-encrypts credentials that wait for their revocation.

    `rotate` gives the new ciphertext, or None for what is to be left as it is. Yields connections,
    and whether their credentials could be read. Raises `StorageError`.
    """
    after = UUID(int=0)
    while page := await store.execute(_PAGE, after):
        for row in page:
            after, encrypted = as_uuid(row["attempt_id"]), row["encrypted_credentials"]
            try:
                new = rotate(encrypted)
            except UnknownKey:
                yield as_uuid(row["connection_id"]), False
                continue
            if new is not None:
                await store.execute(_REPLACE, after, encrypted, new)
                yield as_uuid(row["connection_id"]), True


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
