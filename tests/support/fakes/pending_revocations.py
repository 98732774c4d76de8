"""The port of pending revocations, in memory."""

from domain.events import (
    ProviderTokenRevocationFailed,
    ProviderTokenRevocationSucceeded,
    RecordedEvent,
)
from domain.token_revocation import Answers, LeasedRevocation
from infrastructure.database.revocations import Progress, RevocationQueue
from tests.support.fakes.world import World


class InMemoryPendingRevocations:
    """`PendingRevocations`."""

    def __init__(self, world: World, queue: RevocationQueue) -> None:
        self._world = world
        self._queue = queue

    async def settle(
        self,
        leased: LeasedRevocation,
        outcome: ProviderTokenRevocationSucceeded | ProviderTokenRevocationFailed,
    ) -> RecordedEvent:
        return await self._world.settle(outcome, leased.lease)

    async def postpone(
        self, leased: LeasedRevocation, *, answers: Answers, code: str, seconds: float
    ) -> None:
        await self._queue.postpone(leased, Progress(answers=answers, code=code, seconds=seconds))
