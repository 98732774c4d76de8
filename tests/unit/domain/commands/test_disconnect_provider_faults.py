"""The command when the database fails, hangs, or has moved on."""

from collections.abc import AsyncIterator

import pytest

from domain.events import (
    FailureReason,
    ProviderDisconnectionAttempted,
)
from domain.provider_connection import ConnectionStatus
from tests.support.ids import a_connection
from tests.unit.domain.commands.disconnecting import (
    ATTEMPT,
    CONNECTION,
    DATABASE_ERROR,
    FAILURE,
    SUCCESS,
    Case,
    assert_failed,
    assert_reason,
)


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

    outcome = await case.disconnect(connection_id=a_connection(99))

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
