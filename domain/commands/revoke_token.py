"""Revoke a token: end at its provider what a connection has lost or a back end has replaced."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from domain.events import (
    FailureReason,
    ProviderRef,
    ProviderTokenRevocationFailed,
    ProviderTokenRevocationSucceeded,
    RecordedEvent,
)
from domain.identifiers import EventId
from domain.ports import (
    AttemptClosed,
    NewId,
    Now,
    PendingRevocations,
    StorageError,
    TokenRevoker,
)
from domain.result import Failure, Result, Success
from domain.token_revocation import (
    Ended,
    LeasedRevocation,
    Misconfigured,
    Refused,
    TokensInUse,
    TryLater,
    UnreadableCredentials,
    combined,
)

EventT = TypeVar("EventT")

Pause: TypeAlias = Callable[[int], float]
"""Seconds to wait after so many tries, when the provider did not ask for more or less."""


@dataclass(frozen=True, slots=True)
class Postponed:
    """There is no outcome yet, because of this answer."""

    answer: TryLater | Misconfigured


@dataclass(frozen=True, slots=True)
class LeaseLost:
    """Another worker has the revocation, or the database did not take the outcome."""


RevokeOutcome: TypeAlias = Result[RecordedEvent, Postponed | LeaseLost]


class RevokeTokenHandler:
    """Runs the command, for a pending revocation whose lease is held.

    1. It is overdue: `Failed(GAVE_UP)`.
    2. It would end a grant that another connection uses: `Failed(SHARED_GRANT)`.
    3. Ask the provider to end each token that has no final answer. Credentials that say nothing
       it could be asked: `Failed(UNREADABLE_CREDENTIALS)`. The connection works with one of these
       tokens, because a back end replaced credentials by the same: `Failed(SHARED_GRANT)`.
    4. A token has no final answer yet: keep those that there are, and go on later.
    5. All have one: `Succeeded` with the evidence, or `Failed(REFUSED)`.

    Each outcome is recorded on condition of the lease, and destroys the credentials.
    """

    def __init__(
        self,
        revocations: PendingRevocations,
        provider: TokenRevoker,
        *,
        pause: Pause,
        now: Now,
        new_id: NewId,
    ) -> None:
        self._revocations = revocations
        self._provider = provider
        self._pause = pause
        self._now = now
        self._new_id = new_id

    async def handle(self, leased: LeasedRevocation) -> RevokeOutcome:
        """Expected outcomes are returned, never raised."""
        try:
            return await self._revoke(leased)
        except (AttemptClosed, StorageError):
            return Failure(error=LeaseLost())

    async def _revoke(self, leased: LeasedRevocation) -> RevokeOutcome:
        if leased.overdue:
            return await self._fail(leased, FailureReason.GAVE_UP)
        if leased.shared:
            return await self._fail(leased, FailureReason.SHARED_GRANT)
        try:
            answers = {**leased.answers, **await self._provider.revoke(leased)}
        except UnreadableCredentials:
            return await self._fail(leased, FailureReason.UNREADABLE_CREDENTIALS)
        except TokensInUse:
            return await self._fail(leased, FailureReason.SHARED_GRANT)
        match combined(answers):
            case Ended(evidence=evidence):
                event = self._event(ProviderTokenRevocationSucceeded, leased, evidence=evidence)
                return Success(value=await self._revocations.settle(leased, event))
            case Refused():
                return await self._fail(leased, FailureReason.REFUSED)
            case open_:
                final = {k: a for k, a in answers.items() if isinstance(a, Ended | Refused)}
                after = open_.after if isinstance(open_, TryLater) else None
                await self._revocations.postpone(
                    leased,
                    answers=final,
                    code=open_.code,
                    seconds=self._pause(leased.tries) if after is None else after,
                )
                return Failure(error=Postponed(open_))

    async def _fail(self, leased: LeasedRevocation, reason: FailureReason) -> RevokeOutcome:
        manage_url = leased.manage_url
        event = self._event(
            ProviderTokenRevocationFailed, leased, reason=reason, manage_url=manage_url
        )
        return Success(value=await self._revocations.settle(leased, event))

    def _event(
        self, kind: Callable[..., EventT], leased: LeasedRevocation, **more: object
    ) -> EventT:
        return kind(
            id=EventId(self._new_id()),
            occurred_at=self._now(),
            user_id=leased.user_id,
            connection_id=leased.connection_id,
            attempt_id=leased.attempt_id,
            provider=ProviderRef(id=leased.provider_id, slug=leased.provider_slug),
            **more,
        )
