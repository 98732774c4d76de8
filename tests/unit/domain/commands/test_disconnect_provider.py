"""The command's rule, on the ports in memory."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from domain.commands.disconnect_provider import (
    SAVE_TRIES,
    DisconnectedProvider,
    DisconnectProvider,
    DisconnectProviderError,
)
from domain.events import (
    FailureReason,
)
from domain.provider_connection import ConnectionStatus
from domain.result import Success
from tests.support.ids import a_connection, an_attempt
from tests.unit.domain.commands.disconnecting import (
    ATTEMPT,
    CONNECTION,
    DATABASE_ERROR,
    FAILURE,
    OWN_PROVIDER,
    STRANGER,
    SUCCESS,
    USER,
    Case,
    assert_failed,
    assert_reason,
)


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    case = Case()
    yield case
    await case.world.heal()


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
        DisconnectProvider(user_id=USER, connection_id=CONNECTION.id, attempt_id=an_attempt(9))
    )

    assert case.stored == first
    assert case.kinds() == SUCCESS * 2


async def test_missing_connection_fails_without_a_provider(case: Case) -> None:
    outcome = await case.disconnect(connection_id=a_connection(99))

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


async def test_busy_workers_do_not_keep_a_user_from_disconnecting(case: Case) -> None:
    async def touch() -> None:
        case.world.add(replace(case.stored, version=case.stored.version + 1))

    case.world.at("succeeded", *[touch] * 15)

    assert isinstance(await case.disconnect(), Success)
    assert case.stored.status is ConnectionStatus.DISCONNECTED
    assert case.kinds() == SUCCESS


async def test_change_after_change_ends_as_a_database_error(case: Case) -> None:
    async def touch() -> None:
        case.world.add(replace(case.stored, version=case.stored.version + 1))

    case.world.at("succeeded", *[touch] * SAVE_TRIES)

    assert_failed(await case.disconnect(), DATABASE_ERROR, ATTEMPT)
    assert case.stored.status is ConnectionStatus.ACTIVE
    assert case.kinds() == FAILURE
    assert_reason(case.events()[1], FailureReason.DATABASE_ERROR)
