"""The command's rule, on the ports in memory."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest

from domain.disconnect_provider import (
    SAVE_TRIES,
    DisconnectedProvider,
    DisconnectProvider,
    DisconnectProviderError,
    DisconnectProviderHandler,
    Outcome,
)
from domain.events import (
    FailureReason,
    ProviderDisconnectionAttempted,
    ProviderDisconnectionFailed,
    ProviderDisconnectionSucceeded,
    ProviderEvent,
    ProviderRef,
)
from domain.provider_connection import ConnectionStatus, ProviderConnection, ProviderCredentials
from domain.result import Failure, Success
from tests.fakes import (
    FakeClock,
    FakeIds,
    InMemoryEventBus,
    InMemoryProviderConnectionRepository,
    World,
)

USER, STRANGER, ATTEMPT = UUID(int=1), UUID(int=2), UUID(int=3)
CLOCK = FakeClock()
CONNECTION = ProviderConnection(
    id=UUID(int=4),
    user_id=USER,
    provider_id=UUID(int=5),
    provider_slug="schwab",
    status=ConnectionStatus.ACTIVE,
    created_at=CLOCK(),
    updated_at=CLOCK(),
    credentials=ProviderCredentials(encrypted_data=b"ciphertext", credential_type="oauth2"),
)
OWN_PROVIDER = ProviderRef(id=CONNECTION.provider_id, slug="schwab")
DATABASE_ERROR = DisconnectProviderError.DATABASE_ERROR


class Case:
    """One handler in one world, and what became of both."""

    def __init__(self, deadline: float = 10.0) -> None:
        self.world = World()
        self.world.add(CONNECTION)
        self.handler = DisconnectProviderHandler(
            InMemoryProviderConnectionRepository(self.world),
            InMemoryEventBus(self.world),
            now=CLOCK,
            new_id=FakeIds(),
            deadline=deadline,
        )

    async def disconnect(self, user_id: UUID = USER, connection_id: UUID | None = None) -> Outcome:
        return await self.handler.handle(
            DisconnectProvider(
                user_id=user_id,
                connection_id=connection_id or CONNECTION.id,
                attempt_id=ATTEMPT,
            )
        )

    @property
    def stored(self) -> ProviderConnection:
        return self.world.connections[CONNECTION.id]

    def events(self, user_id: UUID = USER) -> list[ProviderEvent]:
        log = self.world.logs[user_id]
        assert [recorded.position for recorded in log] == list(range(1, len(log) + 1))
        return [recorded.event for recorded in log]

    def kinds(self, user_id: UUID = USER) -> list[type[ProviderEvent]]:
        return [type(event) for event in self.events(user_id)]

    async def logged(self, count: int) -> None:
        """Until the user's log holds so many events."""
        async with asyncio.timeout(5), self.world.grown:
            await self.world.grown.wait_for(lambda: len(self.world.logs[USER]) >= count)


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    case = Case()
    yield case
    await case.world.heal()
    await case.handler.aclose()


@pytest.fixture
async def hurried() -> AsyncIterator[Case]:
    """A handler whose deadline is near."""
    case = Case(deadline=0.05)
    yield case
    await case.world.heal()
    await case.handler.aclose()


def assert_failed(outcome: Outcome, error: DisconnectProviderError, attempt: UUID | None) -> None:
    assert isinstance(outcome, Failure)
    assert (outcome.error, outcome.attempt_id) == (error, attempt)


def assert_reason(event: ProviderEvent, reason: FailureReason) -> None:
    assert isinstance(event, ProviderDisconnectionFailed)
    assert event.reason is reason


SUCCESS = [ProviderDisconnectionAttempted, ProviderDisconnectionSucceeded]
FAILURE = [ProviderDisconnectionAttempted, ProviderDisconnectionFailed]


async def test_own_connection_is_disconnected_and_both_events_name_its_provider(case: Case) -> None:
    outcome = await case.disconnect()

    assert isinstance(outcome, Success)
    assert isinstance(outcome.value, DisconnectedProvider)
    assert outcome.value.connection.status is ConnectionStatus.DISCONNECTED
    assert outcome.value.recorded.position == 2
    assert case.stored == replace(outcome.value.connection, version=2)
    assert case.stored.credentials is None
    assert case.kinds() == SUCCESS
    for event in case.events():
        assert event.provider == OWN_PROVIDER
        assert (event.attempt_id, event.connection_id) == (ATTEMPT, CONNECTION.id)
    assert not case.world.open_attempts


async def test_repeating_succeeds_and_changes_the_row_once(case: Case) -> None:
    await case.disconnect()
    first = case.stored

    await case.handler.handle(
        DisconnectProvider(user_id=USER, connection_id=CONNECTION.id, attempt_id=UUID(int=9))
    )

    assert case.stored == first
    assert case.kinds() == SUCCESS * 2


async def test_missing_connection_fails_without_a_provider(case: Case) -> None:
    outcome = await case.disconnect(connection_id=UUID(int=99))

    assert_failed(outcome, DisconnectProviderError.CONNECTION_NOT_FOUND, ATTEMPT)
    assert case.kinds() == FAILURE
    assert_reason(case.events()[1], FailureReason.CONNECTION_NOT_FOUND)
    assert {event.provider for event in case.events()} == {None}


async def test_foreign_connection_fails_in_the_strangers_log_only(case: Case) -> None:
    outcome = await case.disconnect(user_id=STRANGER)

    assert_failed(outcome, DisconnectProviderError.NOT_OWNED_BY_USER, ATTEMPT)
    assert case.stored == CONNECTION
    assert case.events(USER) == []
    assert case.kinds(STRANGER) == FAILURE
    assert_reason(case.events(STRANGER)[1], FailureReason.NOT_OWNED_BY_USER)
    assert {event.provider for event in case.events(STRANGER)} == {None}


async def test_concurrent_change_is_read_again_and_kept(case: Case) -> None:
    async def rename() -> None:
        case.world.add(replace(case.stored, alias="renamed", version=case.stored.version + 1))

    case.world.at("succeeded", rename, rename)

    assert isinstance(await case.disconnect(), Success)
    assert case.stored.status is ConnectionStatus.DISCONNECTED
    assert (case.stored.alias, case.stored.version) == ("renamed", 4)
    assert case.kinds() == SUCCESS


async def test_connection_that_vanishes_meanwhile_is_not_found(case: Case) -> None:
    async def vanish() -> None:
        del case.world.connections[CONNECTION.id]

    case.world.at("succeeded", vanish)

    outcome = await case.disconnect()

    assert_failed(outcome, DisconnectProviderError.CONNECTION_NOT_FOUND, ATTEMPT)
    assert case.kinds() == FAILURE


async def test_change_after_change_ends_as_a_database_error(case: Case) -> None:
    async def touch() -> None:
        case.world.add(replace(case.stored, version=case.stored.version + 1))

    case.world.at("succeeded", *[touch] * SAVE_TRIES)

    assert_failed(await case.disconnect(), DATABASE_ERROR, ATTEMPT)
    assert case.stored.status is ConnectionStatus.ACTIVE
    assert case.kinds() == FAILURE
    assert_reason(case.events()[1], FailureReason.DATABASE_ERROR)


@pytest.mark.parametrize("step", ["find", "attempted"])
async def test_database_error_before_the_attempt_leaves_no_trace(case: Case, step: str) -> None:
    case.world.at(step, case.world.fail)

    assert_failed(await case.disconnect(), DATABASE_ERROR, None)
    assert case.stored == CONNECTION
    assert case.events() == []


async def test_database_error_after_the_attempt_is_recorded(case: Case) -> None:
    case.world.at("succeeded", case.world.fail)

    assert_failed(await case.disconnect(), DATABASE_ERROR, ATTEMPT)
    assert case.stored == CONNECTION
    assert case.kinds() == FAILURE
    assert_reason(case.events()[1], FailureReason.DATABASE_ERROR)


async def test_refusal_that_cannot_be_recorded_is_a_database_error(case: Case) -> None:
    case.world.at("failed", case.world.fail)

    outcome = await case.disconnect(connection_id=UUID(int=99))

    assert_failed(outcome, DATABASE_ERROR, ATTEMPT)
    assert_reason(case.events()[1], FailureReason.DATABASE_ERROR)


async def test_failure_is_recorded_when_the_database_comes_back(hurried: Case) -> None:
    async def go_down() -> None:
        hurried.world.down = True

    hurried.world.at("succeeded", go_down)

    assert_failed(await hurried.disconnect(), DATABASE_ERROR, ATTEMPT)
    assert hurried.kinds() == [ProviderDisconnectionAttempted]

    await hurried.world.heal()
    await hurried.logged(2)
    assert hurried.kinds() == FAILURE
    assert_reason(hurried.events()[1], FailureReason.DATABASE_ERROR)


async def test_nothing_is_recorded_after_the_handler_is_closed(hurried: Case) -> None:
    async def go_down() -> None:
        hurried.world.down = True

    hurried.world.at("succeeded", go_down)
    await hurried.disconnect()

    await hurried.handler.aclose()

    assert hurried.kinds() == [ProviderDisconnectionAttempted]
    assert hurried.world.open_attempts == {ATTEMPT}


async def test_deadline_before_the_attempt_leaves_no_trace(hurried: Case) -> None:
    hurried.world.at("find", hurried.world.hang)

    assert_failed(await hurried.disconnect(), DATABASE_ERROR, None)

    await hurried.world.heal()
    assert hurried.events() == []


@pytest.mark.parametrize("step", ["attempted", "attempted recorded"])
async def test_attempt_that_lands_after_the_deadline_is_closed(hurried: Case, step: str) -> None:
    hurried.world.at(step, hurried.world.hang)

    assert_failed(await hurried.disconnect(), DATABASE_ERROR, None)

    await hurried.world.heal()
    assert hurried.kinds() == FAILURE
    assert_reason(hurried.events()[1], FailureReason.DATABASE_ERROR)
    assert hurried.stored == CONNECTION


async def test_attempt_that_is_lost_after_the_deadline_leaves_no_trace(hurried: Case) -> None:
    hurried.world.at("attempted", hurried.world.hang_and_fail)

    assert_failed(await hurried.disconnect(), DATABASE_ERROR, None)

    await hurried.world.heal()
    assert hurried.events() == []


async def test_success_that_lands_after_the_deadline_is_never_called_a_failure(
    hurried: Case,
) -> None:
    hurried.world.at("succeeded", hurried.world.hang)

    assert_failed(await hurried.disconnect(), DATABASE_ERROR, ATTEMPT)

    await hurried.world.heal()
    assert hurried.kinds() == SUCCESS
    assert hurried.stored.status is ConnectionStatus.DISCONNECTED


async def test_success_that_is_lost_after_the_deadline_is_a_failure(hurried: Case) -> None:
    hurried.world.at("succeeded", hurried.world.hang_and_fail)

    assert_failed(await hurried.disconnect(), DATABASE_ERROR, ATTEMPT)

    await hurried.world.heal()
    assert hurried.kinds() == FAILURE
    assert hurried.stored == CONNECTION


async def test_attempt_that_another_node_closed_changes_nothing(case: Case) -> None:
    async def interrupt() -> None:
        case.world.open_attempts.clear()

    case.world.at("attempted recorded", interrupt)

    assert_failed(await case.disconnect(), DATABASE_ERROR, ATTEMPT)
    assert case.stored == CONNECTION
    assert case.kinds() == [ProviderDisconnectionAttempted]
