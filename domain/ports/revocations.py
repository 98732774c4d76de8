"""What workers need to end tokens."""

from typing import Protocol

from domain.events import (
    ProviderTokenRevocationFailed,
    ProviderTokenRevocationSucceeded,
    RecordedEvent,
)
from domain.token_revocation import Answers, LeasedRevocation


class PendingRevocations(Protocol):
    """Revocations of which this process holds the lease."""

    async def settle(
        self,
        leased: LeasedRevocation,
        outcome: ProviderTokenRevocationSucceeded | ProviderTokenRevocationFailed,
    ) -> RecordedEvent:
        """The one outcome, which destroys the credentials; durable when it returns.

        Raises `AttemptClosed` (the lease was lost) or `StorageError`; nothing was written then.
        """

    async def postpone(
        self, leased: LeasedRevocation, *, answers: Answers, code: str, seconds: float
    ) -> None:
        """No outcome yet: keeps the final answers, and says why and when to go on.

        Changes nothing when the lease was lost. Raises `StorageError`.
        """


class TokenRevoker(Protocol):
    """Asks providers to end tokens."""

    async def revoke(self, leased: LeasedRevocation) -> Answers:
        """What was answered now, for tokens without a final answer.

        Raises `UnreadableCredentials`, and `TokensInUse` before anything was asked.
        """
