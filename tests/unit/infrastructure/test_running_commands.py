"""Commands within their deadline: what is answered, and what becomes of the attempt."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from domain.commands.disconnect_provider import DisconnectProvider, Outcome
from domain.events import FailureReason, ProviderDisconnectionAttempted
from domain.provider_connection import ConnectionStatus
from infrastructure.running_commands import AttemptNotes, RunningCommands
from tests.support.fakes.events import InMemoryEventBus
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


class DeadlineCase(Case):
    """The command as a node runs it, with a deadline."""

    def __init__(self, deadline: float) -> None:
        super().__init__()
        notes = AttemptNotes(InMemoryEventBus(self.world))
        self.finished: list[str] = []
        self.commands = RunningCommands(
            self.handler_on(notes),
            notes,
            self.world.close,
            lambda outcome, _seconds: self.finished.append(outcome),
            deadline=deadline,
        )

    async def run(self, command: DisconnectProvider) -> Outcome:
        return await self.commands(command)


@pytest.fixture
async def hurried() -> AsyncIterator[DeadlineCase]:
    async with case_with(deadline=0.05) as case:
        yield case


@pytest.fixture
async def patient() -> AsyncIterator[DeadlineCase]:
    async with case_with(deadline=60) as case:
        yield case


@contextlib.asynccontextmanager
async def case_with(deadline: float) -> AsyncIterator[DeadlineCase]:
    case = DeadlineCase(deadline)
    async with case.commands:
        yield case
        await case.world.heal()


async def test_what_finishes_in_time_is_answered_and_counted(hurried: DeadlineCase) -> None:
    await hurried.disconnect()

    assert hurried.kinds() == SUCCESS
    assert hurried.finished == ["success"]


async def test_failure_is_recorded_when_the_database_comes_back(hurried: DeadlineCase) -> None:
    async def go_down() -> None:
        hurried.world.down = True

    hurried.world.at("succeeded", go_down)

    assert_failed(await hurried.disconnect(), DATABASE_ERROR, ATTEMPT)
    assert hurried.kinds() == [ProviderDisconnectionAttempted]

    await hurried.world.heal()
    await hurried.logged(2)
    assert hurried.kinds() == FAILURE
    assert_reason(hurried.events()[1], FailureReason.DATABASE_ERROR)


async def test_nothing_is_recorded_after_the_commands_are_closed(hurried: DeadlineCase) -> None:
    async def go_down() -> None:
        hurried.world.down = True

    hurried.world.at("succeeded", go_down)
    await hurried.disconnect()

    await hurried.commands.__aexit__()

    assert hurried.kinds() == [ProviderDisconnectionAttempted]
    assert hurried.world.open_attempts == {ATTEMPT}


async def test_deadline_before_the_attempt_leaves_no_trace(hurried: DeadlineCase) -> None:
    hurried.world.at("find", hurried.world.hang)

    assert_failed(await hurried.disconnect(), DATABASE_ERROR, None)

    await hurried.world.heal()
    assert hurried.events() == []


@pytest.mark.parametrize("step", ["attempted", "attempted recorded"])
async def test_attempt_that_lands_after_the_deadline_is_named_and_closed(
    hurried: DeadlineCase, step: str
) -> None:
    hurried.world.at(step, hurried.world.hang)

    assert_failed(await hurried.disconnect(), DATABASE_ERROR, ATTEMPT)

    await hurried.world.heal()
    await hurried.logged(2)
    assert hurried.kinds() == FAILURE
    assert_reason(hurried.events()[1], FailureReason.DATABASE_ERROR)
    assert hurried.stored == CONNECTION


async def test_attempt_that_is_lost_after_the_deadline_leaves_no_trace(
    hurried: DeadlineCase,
) -> None:
    hurried.world.at("attempted", hurried.world.hang_and_fail)

    # Whether it was recorded is open until the database answers.
    assert_failed(await hurried.disconnect(), DATABASE_ERROR, ATTEMPT)

    await hurried.world.heal()
    assert hurried.events() == []


async def test_success_that_lands_after_the_deadline_is_never_called_a_failure(
    hurried: DeadlineCase,
) -> None:
    hurried.world.at("succeeded", hurried.world.hang)

    assert_failed(await hurried.disconnect(), DATABASE_ERROR, ATTEMPT)

    await hurried.world.heal()
    assert hurried.kinds() == SUCCESS
    assert hurried.stored.status is ConnectionStatus.DISCONNECTED


async def test_success_that_is_lost_after_the_deadline_is_a_failure(hurried: DeadlineCase) -> None:
    hurried.world.at("succeeded", hurried.world.hang_and_fail)

    assert_failed(await hurried.disconnect(), DATABASE_ERROR, ATTEMPT)

    await hurried.world.heal()
    await hurried.logged(2)
    assert hurried.kinds() == FAILURE
    assert hurried.stored == CONNECTION


async def test_a_stop_answers_what_runs_longer_as_the_deadline_does(patient: DeadlineCase) -> None:
    reached = asyncio.Event()

    async def hang() -> None:
        reached.set()
        await patient.world.hang()

    patient.world.at("succeeded", hang)
    running = asyncio.create_task(patient.disconnect())
    await reached.wait()

    await patient.commands.drain(seconds=0)

    assert_failed(await running, DATABASE_ERROR, ATTEMPT)
    await patient.world.heal()
    assert patient.kinds() == SUCCESS
