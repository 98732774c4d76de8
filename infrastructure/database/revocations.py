"""What workers ask of a database of any dialect."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from domain.identifiers import AttemptId, ConnectionId, ProviderId, UserId
from domain.token_revocation import (
    Answers,
    Ended,
    LeasedRevocation,
    Refused,
    RevocationEvidence,
)
from infrastructure.database.rows.connections import CIPHERTEXT
from infrastructure.database.rows.values import as_time, as_uuid

BURST = 1.0
"""Seconds of a provider's pace that a worker takes at once."""
OVERDUE = 100
"""Revocations that are given up at once."""

LEASED_COLUMNS = (
    *(f"p.{name}" for name in ("attempt_id", "lease", "user_id", "connection_id")),
    "c.provider_id",
    *(f"p.{name}" for name in ("provider_slug", "begun_at", CIPHERTEXT)),
    f"c.{CIPHERTEXT}",
    "c.manage_url",
    "p.answers",
    "p.tries",
)
"""Of `pending_revocations` p and its connection c. Two more say whether it is overdue or shared."""
SHARED = """coalesce(k.ends_grant AND EXISTS (
    SELECT 1 FROM provider_connections o
    WHERE o.user_id = p.user_id AND o.provider_slug = p.provider_slug
        AND o.credential_type IS NOT NULL
        AND coalesce(o.provider_account_id = c.provider_account_id, true)
), false)"""
"""Whether a connection with credentials, of the same account or an unknown one, uses it: another
one, or the same one with new credentials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueProvider:
    """What commits on every process have to know of a provider in a server's catalogue."""

    slug: str
    revocable: bool
    ends_grant: bool = False
    manage_url: str | None = None
    give_up_after: timedelta = timedelta(hours=72)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """How much of a provider's revocations may be taken: `concurrency` at a time on all nodes, and
    one in `seconds`."""

    slug: str
    concurrency: int
    seconds: float

    @property
    def most(self) -> int:
        """The most that may be leased at once; a worker spreads their requests over `BURST`."""
        return min(self.concurrency, max(1, int(BURST / self.seconds)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Of a revocation without an outcome: final answers, why there are no more, when to go on."""

    answers: Answers = field(default_factory=dict)
    code: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is pending of all providers; the oldest is so many seconds old."""

    count: int
    oldest: float


@dataclass(frozen=True, slots=True)
class ProviderBacklog:
    """One provider's revocations: pending ones, and those that failed.

    `code` is an answer to one of those that were tried most often.
    """

    slug: str
    pending: int
    oldest: float
    tries: int
    code: str | None
    failed: int


class RevocationQueue(Protocol):
    """Pending revocations. Every method raises `StorageError`, and nothing was written then."""

    @property
    def may_hold_leases(self) -> bool:
        """False when nothing that has been committed is leased now, by any process."""

    async def declare(self, providers: Sequence[CatalogueProvider]) -> None:
        """A server's catalogue. A provider that could be revoked stays so until it is forgotten."""

    async def forget(self, slug: str) -> bool:
        """Takes a provider out of what commits know; whether it was there."""

    async def lease(self, turns: Sequence[Turn], lasts: float) -> Sequence[LeasedRevocation]:
        """Takes due revocations of these providers for `lasts` seconds, by the database's clock.

        Those that are overdue are taken for every provider.
        """

    async def postpone(self, leased: LeasedRevocation, progress: Progress) -> None:
        """Ends a lease without an outcome. Changes nothing when it is not held any more."""

    async def backlog(self) -> Backlog:
        """All that is pending."""

    async def by_provider(self) -> Sequence[ProviderBacklog]:
        """In order of slugs; reads all connections."""

    async def retry(self) -> int:
        """Makes all that is pending due now; says how many."""


def leased_revocation(row: Sequence[Any]) -> LeasedRevocation:
    """From a row of `LEASED_COLUMNS`, followed by `overdue` and `shared`."""
    attempt_id, lease, user_id, connection_id, provider_id, slug, begun_at, *rest = row
    encrypted, current, manage_url, answers, tries, overdue, shared = rest
    return LeasedRevocation(
        attempt_id=AttemptId(as_uuid(attempt_id)),
        lease=as_uuid(lease),
        user_id=UserId(as_uuid(user_id)),
        connection_id=ConnectionId(as_uuid(connection_id)),
        provider_id=ProviderId(as_uuid(provider_id)),
        provider_slug=slug,
        begun_at=as_time(begun_at),
        encrypted_data=encrypted,
        current_data=current,
        manage_url=manage_url,
        answers=_decoded(answers),
        tries=tries,
        overdue=bool(overdue),
        shared=bool(shared),
    )


_REFUSED = "refused "


def encoded(answers: Answers) -> str:
    """As a row keeps them; only those that are final."""
    kept = {}
    for name, answer in answers.items():
        match answer:
            case Ended(evidence=evidence):
                kept[name or ""] = evidence.value
            case Refused(code=code):
                kept[name or ""] = _REFUSED + code
    return json.dumps(kept)


def _decoded(text: str) -> Answers:
    return {
        name or None: Refused(kept.removeprefix(_REFUSED))
        if kept.startswith(_REFUSED)
        else Ended(RevocationEvidence(kept))
        for name, kept in json.loads(text).items()
    }
