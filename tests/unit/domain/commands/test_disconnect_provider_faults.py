"""The command when the database fails, or another node was faster."""

from collections.abc import AsyncIterator

import pytest

from domain.events import (
    FailureReason,
    ProviderDisconnectionAttempted,
)
from tests.support.ids import a_connection
from tests.unit.domain.commands.disconnecting import (
    ATTEMPT,
    CONNECTION,
    DATABASE_ERROR,
    FAILURE,
    Case,
    assert_failed,
    assert_reason,
)


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    case = Case()
    yield case
    await case.world.heal()


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


async def test_failure_that_cannot_be_recorded_is_tried_once(case: Case) -> None:
    async def go_down() -> None:
        case.world.down = True

    case.world.at("succeeded", go_down)

    assert_failed(await case.disconnect(), DATABASE_ERROR, ATTEMPT)
    assert case.kinds() == [ProviderDisconnectionAttempted]
    assert case.world.open_attempts == {ATTEMPT}


async def test_attempt_that_another_node_closed_changes_nothing(case: Case) -> None:
    async def interrupt() -> None:
        case.world.open_attempts.clear()

    case.world.at("attempted recorded", interrupt)

    assert_failed(await case.disconnect(), DATABASE_ERROR, ATTEMPT)
    assert case.stored == CONNECTION
    assert case.kinds() == [ProviderDisconnectionAttempted]
