"""What the writer asks of a database of any dialect."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, TypeAlias
from uuid import UUID

from domain.events import Initiator, RecordedEvent
from domain.identifiers import AttemptId, ConnectionId
from domain.ports import AttemptClosed, AttemptRecorded, ConcurrentUpdate
from domain.provider_connection import ProviderConnection
from infrastructure.database.members import Member
from infrastructure.database.statements import Statement

Refusal: TypeAlias = ConcurrentUpdate | AttemptClosed | AttemptRecorded
Outcome: TypeAlias = Sequence[RecordedEvent] | Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCredential:
    """A connection's encrypted credentials, at a version of its row."""

    connection_id: ConnectionId
    version: int
    encrypted_data: bytes = field(repr=False)


class MemberRefused(Exception):
    """Something that a member brought along broke the batch (a constraint, data, a timeout).

    Nothing was written.
    """


class MembersBlocked(Exception):
    """The batch waited too long for a row that another session has locked. Nothing was written."""


class OutcomeUnknown(Exception):
    """The connection broke: the batch is written, or will be, or not. Read back."""


class StillInDoubt:
    """A member's rows are locked, maybe by its own commit, which may still be on its way."""


ReadBack: TypeAlias = Sequence[RecordedEvent] | StillInDoubt | None
"""A member's events when it was written, None when it was not."""


class BatchStore(Protocol):
    """One database's side of the writer. Driver exceptions stay inside."""

    @property
    def lock_timeout(self) -> float:
        """Seconds for which a member waits for rows that another session has locked."""

    async def commit(self, members: Sequence[Member]) -> Sequence[Outcome]:
        """One transaction, durable when it returns; an outcome for each member, in order.

        Raises `StorageError` (nothing was written), `MemberRefused`, `MembersBlocked` or
        `OutcomeUnknown`.
        """

    async def read_back(self, members: Sequence[Member]) -> Sequence[ReadBack]:
        """What became of members of a batch whose outcome is unknown. Raises `StorageError`."""

    async def locked_rows(self, members: Sequence[Member]) -> Collection[UUID]:
        """Which of the members' `rows` other sessions have locked. Raises `StorageError`.

        An attempt counts as locked when the head of its user is.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Abandoned:
    """Which open attempts: those older than that by the database's clock, and of these initiators.

    None leaves a property open.
    """

    older_than: timedelta | None = None
    initiators: tuple[Initiator, ...] | None = None


class Store(BatchStore, Protocol):
    """All that is written, and what only the database's own clock can tell.

    Every method raises `StorageError`; nothing was written then.
    """

    async def execute(self, statement: Statement, *values: object) -> Sequence[Mapping[str, Any]]:
        """One statement as a transaction of its own, beside the writer; the rows that it returns.

        Values are UUIDs, times, texts, numbers and bytes. SQLite returns text for the first two.
        """

    async def insert(self, connections: Sequence[ProviderConnection]) -> int:
        """Connections from elsewhere, in one transaction; returns how many were new.

        Ids that are there already, and accounts that are connected already, are left untouched.
        """

    async def replace_credentials(self, changed: Sequence[StoredCredential]) -> int:
        """In one transaction, each only if its row still has the version that was read.

        Returns how many went in.
        """

    async def record_key(self, fingerprint: str) -> None:
        """Notes a key that encrypts credentials from now on. Repeating it changes nothing."""

    async def forget_key(self, fingerprint: str) -> None:
        """Removes a key that no credential is encrypted with any more."""

    async def abandoned(
        self, wanted: "Abandoned", after: AttemptId | None, limit: int
    ) -> Sequence[AttemptId]:
        """Open attempts, up to `limit` of them in order, behind `after`."""
