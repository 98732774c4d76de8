"""Revoking: what the provider is asked, what is kept, and the one outcome."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import pytest
from uuid_utils.compat import uuid7

from domain.commands.revoke_token import (
    LeaseLost,
    Postponed,
    RevokeOutcome,
    RevokeTokenHandler,
)
from domain.events import (
    FailureReason,
    ProviderDisconnectionSucceeded,
    ProviderEvent,
    ProviderRef,
    ProviderTokenRevocationAttempted,
    ProviderTokenRevocationFailed,
    ProviderTokenRevocationSucceeded,
)
from domain.provider_connection import ConnectionStatus, ProviderConnection, ProviderCredentials
from domain.result import Failure, Success
from domain.token_revocation import (
    Answer,
    Answers,
    Ended,
    LeasedRevocation,
    Misconfigured,
    Refused,
    RevocationEvidence,
    TokensInUse,
    TryLater,
    UnreadableCredentials,
    combined,
)
from infrastructure.database.revocations import CatalogueProvider, Turn
from tests.support.fakes.pending_revocations import InMemoryPendingRevocations
from tests.support.fakes.revocations import InMemoryRevocationQueue
from tests.support.fakes.world import World
from tests.support.ids import a_connection, a_provider, a_user, an_attempt, an_event

START = datetime(2026, 1, 1, tzinfo=UTC)
ACCEPTED, GONE = Ended(RevocationEvidence.ACCEPTED), Ended(RevocationEvidence.ALREADY_GONE)
TURN = Turn(slug="schwab", concurrency=10, seconds=0.001)
MANAGE = "https://schwab.example"
Asked: TypeAlias = Callable[[LeasedRevocation], Answers]


class Setup:
    """A connection that is disconnected, a provider with a script, and a clock that is turned."""

    def __init__(self, provider: CatalogueProvider) -> None:
        self.world, self.time = World(), START
        self.world.revocations.now = lambda: self.time
        self.world.revocations.catalogue["schwab"] = provider
        self.queue = InMemoryRevocationQueue(self.world.revocations, self.world.connections)
        self.asked = 0
        self.answers: Asked = lambda _: {"refresh_token": ACCEPTED}
        self.handler = RevokeTokenHandler(
            InMemoryPendingRevocations(self.world, self.queue),
            self,
            pause=lambda tries: min(5.0 * 2**tries, 3600),
            now=lambda: self.time,
            new_id=uuid7,
        )

    async def revoke(self, leased: LeasedRevocation) -> Answers:
        """The port of the provider."""
        self.asked += 1
        return self.answers(leased)

    def connect(self) -> ProviderConnection:
        connection = ProviderConnection(
            id=a_connection(),
            user_id=a_user(1),
            provider_id=a_provider(1),
            provider_slug="schwab",
            status=ConnectionStatus.ACTIVE,
            credentials=ProviderCredentials(credential_type="oauth2", encrypted_data=b"x"),
            created_at=START,
            updated_at=START,
        )
        self.world.add(connection)
        return connection

    async def disconnect(self, connection: ProviderConnection) -> None:
        provider = ProviderRef(id=connection.provider_id, slug=connection.provider_slug)
        attempted = ProviderTokenRevocationAttempted(
            id=an_event(),
            occurred_at=self.time,
            user_id=connection.user_id,
            connection_id=connection.id,
            attempt_id=an_attempt(),
            provider=provider,
        )
        attempt_id = an_attempt()
        self.world.open_attempts.add(attempt_id)
        succeeded = ProviderDisconnectionSucceeded(
            id=an_event(),
            occurred_at=self.time,
            user_id=connection.user_id,
            connection_id=connection.id,
            attempt_id=attempt_id,
            provider=provider,
        )
        ended = connection.mark_disconnected(self.time)
        await self.world.write(succeeded, ended, revocation=attempted)

    async def handle_next(self) -> RevokeOutcome:
        (leased,) = await self.queue.lease([TURN], 8.0)
        return await self.handler.handle(leased)

    @property
    def last(self) -> ProviderEvent:
        return self.world.recorded[-1].event

    @property
    def pending(self) -> int:
        return len(self.world.revocations.pending)


@pytest.fixture
async def setup() -> Setup:
    found = Setup(CatalogueProvider(slug="schwab", revocable=True, manage_url=MANAGE))
    await found.disconnect(found.connect())
    return found


@pytest.mark.parametrize(
    ("answers", "evidence"),
    [
        ({"refresh_token": ACCEPTED, "access_token": GONE}, RevocationEvidence.ACCEPTED),
        ({"refresh_token": GONE}, RevocationEvidence.ALREADY_GONE),
        (
            {"refresh_token": GONE, "access_token": Refused("unsupported_token_type")},
            RevocationEvidence.ALREADY_GONE,
        ),
    ],
)
async def test_it_succeeds_with_what_was_observed(
    setup: Setup, answers: Answers, evidence: RevocationEvidence
) -> None:
    setup.answers = lambda _: answers

    outcome = await setup.handle_next()

    assert isinstance(outcome, Success)
    assert isinstance(setup.last, ProviderTokenRevocationSucceeded)
    assert setup.last.evidence is evidence
    assert setup.pending == 0


async def test_a_refused_token_is_a_failure(setup: Setup) -> None:
    setup.answers = lambda _: {"refresh_token": ACCEPTED, "access_token": Refused("http_400")}

    await setup.handle_next()

    assert isinstance(setup.last, ProviderTokenRevocationFailed)
    assert (setup.last.reason, setup.last.manage_url) == (FailureReason.REFUSED, MANAGE)
    assert setup.pending == 0


async def test_credentials_without_a_token_are_a_failure(setup: Setup) -> None:
    def unreadable(_: LeasedRevocation) -> Answers:
        raise UnreadableCredentials

    setup.answers = unreadable

    await setup.handle_next()

    assert isinstance(setup.last, ProviderTokenRevocationFailed)
    assert setup.last.reason is FailureReason.UNREADABLE_CREDENTIALS


async def test_tokens_that_the_connection_works_with_are_left_alone(setup: Setup) -> None:
    def in_use(_: LeasedRevocation) -> Answers:
        raise TokensInUse

    setup.answers = in_use

    await setup.handle_next()

    assert isinstance(setup.last, ProviderTokenRevocationFailed)
    assert setup.last.reason is FailureReason.SHARED_GRANT
    assert setup.pending == 0


async def test_only_open_tokens_are_asked_about_again(setup: Setup) -> None:
    setup.answers = lambda _: {"refresh_token": TryLater("http_503"), "access_token": GONE}
    assert await setup.handle_next() == Failure(error=Postponed(TryLater("http_503")))
    kept: list[Answers] = []

    def again(leased: LeasedRevocation) -> Answers:
        kept.append(leased.answers)
        return {"refresh_token": ACCEPTED}

    setup.answers = again
    setup.time += timedelta(seconds=5)
    await setup.handle_next()

    assert kept == [{"access_token": GONE}]
    assert isinstance(setup.last, ProviderTokenRevocationSucceeded)


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [(TryLater("http_503", 60), 60), (TryLater("timed_out"), 5), (Misconfigured("http_401"), 5)],
)
async def test_without_a_final_answer_it_goes_on_later(
    setup: Setup, answer: Answer, seconds: int
) -> None:
    setup.answers = lambda _: {"refresh_token": answer}

    await setup.handle_next()

    assert isinstance(setup.last, ProviderTokenRevocationAttempted)
    setup.time += timedelta(seconds=seconds - 1)
    assert await setup.queue.lease([TURN], 8.0) == []
    setup.time += timedelta(seconds=1)
    assert len(await setup.queue.lease([TURN], 8.0)) == 1


async def test_a_grant_that_another_connection_uses_is_left_alone() -> None:
    setup = Setup(CatalogueProvider(slug="schwab", revocable=True, ends_grant=True))
    connection, sibling = setup.connect(), setup.connect()
    await setup.disconnect(connection)

    await setup.handle_next()
    await setup.disconnect(sibling)
    setup.time += timedelta(seconds=1)

    assert setup.asked == 0
    assert isinstance(setup.last, ProviderTokenRevocationAttempted)
    await setup.handle_next()  # the last one ends it
    assert setup.asked == 1
    assert isinstance(setup.last, ProviderTokenRevocationSucceeded)


async def test_a_worker_that_lost_its_lease_changes_nothing(setup: Setup) -> None:
    (late,) = await setup.queue.lease([TURN], 8.0)
    setup.time += timedelta(seconds=9)
    (other,) = await setup.queue.lease([TURN], 8.0)

    assert await setup.handler.handle(late) == Failure(error=LeaseLost())
    assert isinstance(setup.last, ProviderTokenRevocationAttempted)
    assert isinstance(await setup.handler.handle(other), Success)
    recorded = [type(recorded.event) for recorded in setup.world.recorded]
    assert recorded.count(ProviderTokenRevocationSucceeded) == 1


async def test_a_provider_that_is_down_for_three_days_is_given_up(setup: Setup) -> None:
    """On the documented schedule: pauses double from 5 seconds to an hour."""
    setup.answers = lambda _: {"refresh_token": TryLater("unreachable")}
    asked: list[timedelta] = []
    while setup.pending:
        for leased in await setup.queue.lease([TURN], 8.0):
            if not leased.overdue:
                asked.append(setup.time - START)
            await setup.handler.handle(leased)
        setup.time += timedelta(seconds=5)

    assert asked[:4] == [timedelta(seconds=seconds) for seconds in (0, 5, 15, 35)]
    assert asked[-1] - asked[-2] == timedelta(hours=1)
    assert 80 < len(asked) < 90
    assert isinstance(setup.last, ProviderTokenRevocationFailed)
    assert setup.last.reason is FailureReason.GAVE_UP
    assert setup.last.occurred_at - START == timedelta(hours=72)


async def test_an_overdue_revocation_is_not_asked_about(setup: Setup) -> None:
    (leased,) = await setup.queue.lease([TURN], 8.0)

    await setup.handler.handle(replace(leased, overdue=True))

    assert setup.asked == 0
    assert isinstance(setup.last, ProviderTokenRevocationFailed)


def test_no_answers_are_no_outcome() -> None:
    with pytest.raises(ValueError, match="there is no answer"):
        combined({})
