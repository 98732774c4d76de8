"""Commands of back ends when the database fails, or others are always faster."""

from functools import partial

import pytest
from uuid_utils.compat import uuid7

from domain.commands import errors
from domain.commands.changing import SAVE_TRIES
from domain.commands.connect_provider import ConnectProvider, ConnectProviderHandler
from domain.commands.disconnect_provider import (
    DisconnectProvider,
    DisconnectProviderError,
    DisconnectProviderHandler,
)
from domain.commands.record_sync import RecordSync, RecordSyncHandler
from domain.commands.refresh_credentials import RefreshCredentials, RefreshCredentialsHandler
from domain.events import FailureReason, Initiator, ProviderRef
from domain.ports import AttemptRecorded, ConcurrentUpdate
from domain.provider_connection import ConnectionStatus, ProviderConnection, ProviderCredentials
from domain.result import Failure, Success
from infrastructure.command_runner import wait_for_grant
from tests.support.fakes.clock_and_ids import FakeClock, FakeIds
from tests.support.fakes.connections import InMemoryProviderConnectionRepository
from tests.support.fakes.events import InMemoryEventBus
from tests.support.fakes.world import World
from tests.support.ids import a_connection, a_provider, a_user, an_attempt
from tests.unit.domain.commands.disconnecting import CLOCK, CONNECTION

COMMAND = ConnectProvider(
    user_id=CONNECTION.user_id,
    provider=ProviderRef(id=CONNECTION.provider_id, slug=CONNECTION.provider_slug),
    credentials=ProviderCredentials(encrypted_data=b"new", credential_type="oauth2"),
    attempt_id=an_attempt(),
    provider_account_id="account-1",
)
SYNC = RecordSync(connection_id=CONNECTION.id, at=CLOCK())


@pytest.fixture
def world() -> World:
    world = World()
    world.add(CONNECTION)
    return world


def connecting(world: World) -> ConnectProviderHandler:
    connections, bus = InMemoryProviderConnectionRepository(world), InMemoryEventBus(world)
    wait = partial(wait_for_grant, connections.grant_is_ending)
    return ConnectProviderHandler(connections, bus, wait, now=FakeClock(), new_id=FakeIds())


def syncing(world: World) -> RecordSyncHandler:
    return RecordSyncHandler(InMemoryProviderConnectionRepository(world), now=FakeClock())


async def always_late() -> None:
    raise ConcurrentUpdate


async def test_database_that_fails_is_said(world: World) -> None:
    world.down = True
    for outcome in (
        await connecting(world).handle(COMMAND),
        await syncing(world).handle(SYNC),
    ):
        assert outcome == Failure(error=errors.DatabaseError())
    assert not world.recorded


async def test_change_that_is_always_late_fails_in_the_end(world: World) -> None:
    world.at("connected", *[always_late] * SAVE_TRIES)
    world.at("update", *[always_late] * SAVE_TRIES)
    assert await connecting(world).handle(COMMAND) == Failure(error=errors.DatabaseError())
    assert await syncing(world).handle(SYNC) == Failure(error=errors.DatabaseError())


@pytest.mark.parametrize("times", [1, 15])
async def test_change_that_is_late_is_made_again(world: World, times: int) -> None:
    world.at("connected", *[always_late] * times)
    world.at("update", *[always_late] * times)
    assert isinstance(await connecting(world).handle(COMMAND), Success)
    assert isinstance(await syncing(world).handle(SYNC), Success)


async def test_late_credentials_of_a_connection_that_a_restore_took_away(world: World) -> None:
    async def nothing() -> None: ...

    async def restored() -> None:
        world.connections.clear()

    world.add(CONNECTION.mark_disconnected(CLOCK()))
    world.at("find", nothing, restored)
    handler = RefreshCredentialsHandler(
        InMemoryProviderConnectionRepository(world), now=FakeClock(), new_id=FakeIds()
    )
    command = RefreshCredentials(
        connection_id=CONNECTION.id, credentials_version=1, credentials=COMMAND.credentials
    )
    assert await handler.handle(command) == Failure(error=errors.ConnectionNotFound())


@pytest.mark.parametrize(
    "wrong",
    [{"provider_account_id": ""}, {"provider_account_id": "x" * 256}, {"credentials_version": 0}],
)
def test_connection_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    fields: dict[str, object] = {
        "id": a_connection(),
        "user_id": a_user(),
        "provider_id": a_provider(),
        "provider_slug": "schwab",
        "status": ConnectionStatus.PENDING,
        "created_at": CLOCK(),
        "updated_at": CLOCK(),
    }
    with pytest.raises(ValueError, match=r"an account id|a version"):
        ProviderConnection(**fields | wrong)  # type: ignore[arg-type] # any field may be wrong


def test_disconnected_connection_takes_no_credentials() -> None:
    ended = CONNECTION.mark_disconnected(CLOCK())
    with pytest.raises(ValueError, match="stays disconnected"):
        ended.replace_credentials(COMMAND.credentials, CLOCK())


UNKNOWN = Failure(error=DisconnectProviderError.DATABASE_ERROR)


def a_disconnection() -> DisconnectProvider:
    return DisconnectProvider(
        user_id=CONNECTION.user_id,
        connection_id=CONNECTION.id,
        attempt_id=an_attempt(),
        initiator=Initiator.SERVICE,
    )


def disconnecting(world: World) -> DisconnectProviderHandler:
    ports = InMemoryProviderConnectionRepository(world), InMemoryEventBus(world)
    return DisconnectProviderHandler(*ports, now=FakeClock(), new_id=uuid7)


async def test_disconnection_without_an_outcome_is_carried_out_when_it_is_repeated(
    world: World,
) -> None:
    handler, command = disconnecting(world), a_disconnection()
    world.at("succeeded", world.fail)
    world.at("failed", world.fail)
    assert await handler.handle(command) == UNKNOWN
    for _ in range(2):
        assert isinstance(await handler.handle(command), Success)
    assert [type(each.event).__name__ for each in world.logs[command.user_id]] == [
        "ProviderDisconnectionAttempted",
        "ProviderDisconnectionSucceeded",
    ]


@pytest.mark.parametrize("then", ["goes on", "fails"])
async def test_disconnection_that_is_overtaken_by_its_repetition_answers_the_same(
    world: World, then: str
) -> None:
    handler, command = disconnecting(world), a_disconnection()
    recorded = []

    async def handle() -> None:
        done = await handler.handle(command)
        assert isinstance(done, Success)
        recorded.append(done.value.recorded)

    async def repeat_it() -> None:
        await handle()
        if then == "fails":
            world.at("succeeded", world.fail)

    world.at("attempted recorded", repeat_it)
    await handle()
    assert recorded[1] == recorded[0] == world.logs[command.user_id][-1]


async def test_disconnection_is_repeated_as_far_as_it_is_known(world: World) -> None:
    handler, command = disconnecting(world), a_disconnection()
    world.at("succeeded", world.fail)
    world.at("failed", world.fail)
    assert await handler.handle(command) == UNKNOWN
    await world.close(command.attempt_id, FailureReason.INTERRUPTED)
    assert await handler.handle(command) == UNKNOWN
    world.at("read", world.fail)
    assert await handler.handle(command) == UNKNOWN

    done = a_disconnection()
    assert isinstance(await handler.handle(done), Success)
    del world.connections[CONNECTION.id]
    assert await handler.handle(done) == UNKNOWN


async def test_attempt_that_a_restore_took_out_of_the_log_is_unknown(world: World) -> None:
    async def restore() -> None:
        world.logs.clear()
        world.recorded.clear()
        world.open_attempts.clear()

    handler, command = disconnecting(world), a_disconnection()
    world.at("attempted recorded", restore)
    outcome = await handler.handle(command)
    assert outcome == Failure(
        error=DisconnectProviderError.DATABASE_ERROR, attempt_id=command.attempt_id
    )

    async def have_been_there() -> None:
        raise AttemptRecorded

    world.at("attempted", have_been_there)
    world.at("connected", have_been_there)
    assert await handler.handle(command) == UNKNOWN
    assert await connecting(world).handle(COMMAND) == Failure(error=errors.DatabaseError())


async def test_grant_that_may_be_ending_is_for_the_back_end_to_verify(world: World) -> None:
    world.at("grant", world.fail)
    done = await connecting(world).handle(COMMAND)
    assert isinstance(done, Success)
    assert done.value.verify


@pytest.mark.parametrize("step", ["read again", "not there", "written"])
async def test_late_credentials_that_are_not_taken_are_said(world: World, step: str) -> None:
    ended = CONNECTION.mark_disconnected(CLOCK())
    world.connections[ended.id] = ended
    command = RefreshCredentials(
        connection_id=ended.id, credentials_version=1, credentials=COMMAND.credentials
    )
    expected: Failure[object] = Failure(error=errors.DatabaseError())

    async def lose() -> None:
        del world.connections[ended.id]

    async def nothing() -> None:
        return

    match step:
        case "read again":
            world.at("find", nothing, world.fail)
        case "not there":
            world.at("find", nothing, lose)
            expected = Failure(error=errors.ConnectionNotFound())
        case "written":
            world.at("revoke late", world.fail)
    handler = RefreshCredentialsHandler(
        InMemoryProviderConnectionRepository(world), now=FakeClock(), new_id=uuid7
    )
    assert await handler.handle(command) == expected
