"""The worker survives what goes wrong, and says once that a provider fails."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import uuid4

from structlog.testing import capture_logs
from uuid_utils.compat import uuid7

from domain.commands.revoke_token import Postponed, RevokeOutcome
from domain.events import ProviderTokenRevocationSucceeded, RecordedEvent
from domain.ports import StorageError
from domain.result import Failure, Success
from domain.token_revocation import LeasedRevocation, RevocationEvidence, TryLater
from infrastructure.database.revocations import Turn
from infrastructure.observability.metrics import Metrics
from infrastructure.providers.worker import PATIENCE, RevocationWorker
from tests.support.fakes.revocations import InMemoryRevocationQueue, Revocations
from tests.support.ids import a_connection, a_provider, a_user, an_attempt, an_event

DOWN: RevokeOutcome = Failure(error=Postponed(TryLater("http_503")))


class Queue(InMemoryRevocationQueue):
    """Gives out one revocation after each of the faults in `script`."""

    def __init__(self, script: Sequence[Exception | None]) -> None:
        super().__init__(Revocations(), {})
        self._script = list(script)

    async def lease(self, turns: Sequence[Turn], lasts: float) -> Sequence[LeasedRevocation]:  # noqa: ARG002 (the port's)
        if not self._script:
            return []
        if (fault := self._script.pop(0)) is not None:
            raise fault
        return [leased()]


def leased() -> LeasedRevocation:
    return LeasedRevocation(
        attempt_id=an_attempt(),
        lease=uuid4(),
        user_id=a_user(),
        connection_id=a_connection(),
        provider_id=a_provider(),
        provider_slug="schwab",
        begun_at=datetime.now(UTC),
        encrypted_data=b"x",
    )


def confirmed() -> RevokeOutcome:
    event = ProviderTokenRevocationSucceeded(
        id=an_event(),
        occurred_at=datetime.now(UTC),
        user_id=a_user(),
        connection_id=a_connection(),
        attempt_id=an_attempt(),
        provider=None,
        evidence=RevocationEvidence.ACCEPTED,
    )
    return Success(value=RecordedEvent(event=event, position=1))


async def run(queue: Queue, outcomes: Sequence[Callable[[], RevokeOutcome]]) -> list[str]:
    """Names of what was logged until all outcomes were given."""
    given, done, rest = asyncio.Event(), asyncio.Event(), list(outcomes)
    given.set()

    async def revoke(_: LeasedRevocation) -> RevokeOutcome:
        outcome = rest.pop(0)
        if not rest:
            done.set()
        return outcome()

    with capture_logs() as logs:
        async with RevocationWorker(queue, revoke, [], Metrics(), given), asyncio.timeout(10):
            while not done.is_set():
                given.set()
                await asyncio.sleep(0.01)
    return [line["event"] for line in logs]


def broken() -> RevokeOutcome:
    raise ValueError(uuid7())


async def test_it_survives_a_database_that_is_away_and_faults() -> None:
    queue = Queue([StorageError(), ValueError(), None, None])
    assert await run(queue, [broken, confirmed]) == [
        "revocation_worker_faulty",
        "revocation_faulty",
    ]


async def test_a_provider_that_fails_persistently_is_named_once() -> None:
    failing = [lambda: DOWN] * (PATIENCE + 2)
    queue = Queue([None] * (len(failing) + 1))
    logged = await run(queue, [*failing, confirmed])
    assert logged == ["provider_failing", "provider_confirms_again"]
