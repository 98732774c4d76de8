"""Pending revocations: outcomes are written by the writer, all else by the queue."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeAlias
from uuid import UUID

from tortoise import BaseDBAsyncClient

from domain.events import (
    ProviderTokenRevocationFailed,
    ProviderTokenRevocationSucceeded,
    RecordedEvent,
)
from domain.ports import StorageError, UnknownKey
from domain.provider_connection import ProviderConnection
from domain.token_revocation import Answers, LeasedRevocation
from infrastructure.database.driver_errors import reading
from infrastructure.database.members import Write
from infrastructure.database.revocations import Progress, RevocationQueue
from infrastructure.database.rows.values import as_uuid
from infrastructure.database.statements import Statement
from infrastructure.database.store import Store
from infrastructure.persistence.lookups import SharedQuery
from infrastructure.persistence.writer import Writer

Grant: TypeAlias = tuple[UUID, str, str | None]
"""User, provider and account; None for an unknown account."""

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


_ENDING = (
    "SELECT p.user_id, p.provider_slug, c.provider_account_id FROM pending_revocations p"
    " JOIN catalogue_providers k ON k.slug = p.provider_slug"
    " JOIN provider_connections c ON c.id = p.connection_id"
    " WHERE k.ends_grant AND p.lease IS NOT NULL AND p.leased_until > {}"
)
_NOW = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')",
    "postgres": "clock_timestamp()",
}


class EndingGrants:
    """Grants that workers are about to end: as many as there are leases, which are few.

    Nothing is read while `queue` says that there are none.
    """

    def __init__(self, client: BaseDBAsyncClient, queue: RevocationQueue) -> None:
        self._client = client
        self._queue = queue
        self._sql = _ENDING.format(_NOW[client.capabilities.dialect])
        self._shared = SharedQuery(self._read)

    async def include(self, connection: ProviderConnection) -> bool:
        """Whether this connection may share one of them. Raises `StorageError`."""
        if not self._queue.may_hold_leases:
            return False
        return await self._shared.ask(connection)

    async def _read(self, asked: Sequence[ProviderConnection]) -> Sequence[bool]:
        with reading():
            _, rows = await self._client.execute_query(self._sql)
        ending = [(as_uuid(user_id), slug, account) for user_id, slug, account in map(tuple, rows)]
        return [any(_may_share(connection, grant) for grant in ending) for connection in asked]


def _may_share(connection: ProviderConnection, grant: Grant) -> bool:
    user_id, slug, account = grant
    own = connection.provider_account_id
    return (user_id, slug) == (connection.user_id, connection.provider_slug) and (
        own is None or account in (None, own)
    )
