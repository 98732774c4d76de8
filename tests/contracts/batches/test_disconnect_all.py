"""All of a user's connections end at once: on the ports and their adapters."""

import asyncio
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from uuid_utils.compat import uuid7

from domain.commands.disconnect_all_providers import (
    BatchOutcome,
    ConnectionCountChanged,
    DisconnectAllProviders,
    DisconnectAllProvidersHandler,
    DisconnectedProviders,
)
from domain.commands.disconnect_provider import DisconnectProviderHandler
from domain.events import (
    EventCursor,
    FailureReason,
    Initiator,
    ProviderDisconnectionAttempted,
    ProviderDisconnectionFailed,
    ProviderDisconnectionSucceeded,
    ProviderEvent,
)
from domain.identifiers import BatchId, UserId
from domain.ports import PageRequest
from domain.provider_connection import ConnectionStatus, ProviderConnection
from domain.result import Failure, Success
from infrastructure.command_runner import DEADLINE, together
from tests.contracts.worlds.world import NOW, World, active, attempted, failed
from tests.support.ids import a_user


class Account:
    """A user with connections, and the handler on one world's ports."""

    def __init__(self, world: World) -> None:
        self.world, self.user_id = world, a_user()
        self.batch_id = BatchId(uuid7())

    def handler(self) -> DisconnectAllProvidersHandler:
        one = DisconnectProviderHandler(
            self.world.connections, self.world.bus, now=lambda: datetime.now(UTC), new_id=uuid7
        )
        return DisconnectAllProvidersHandler(
            one, self.world.connections, self.world.bus, self.world.log, together
        )

    async def connect(self, count: int) -> list[ProviderConnection]:
        new = [active(self.user_id) for _ in range(count)]
        await self.world.add(*new)
        return new

    async def end(self, expected: int | None = None, **more: object) -> BatchOutcome:
        command = DisconnectAllProviders(
            user_id=self.user_id,
            batch_id=self.batch_id,
            expected_count=expected,
            initiator=Initiator.SERVICE,
            note="Account deleted",
        )
        return await self.handler().handle(replace(command, **more))  # type: ignore[arg-type]

    async def ended(self, expected: int | None = None, **more: object) -> DisconnectedProviders:
        outcome = await self.end(expected, **more)
        assert isinstance(outcome, Success)
        return outcome.value

    async def statuses(self) -> Counter[ConnectionStatus]:
        found = await self.world.connections.find_by_user_id(self.user_id)
        return Counter(connection.status for connection in found)

    async def events(self) -> list[ProviderEvent]:
        recorded = await self.world.log.read(EventCursor.start(self.user_id), 100_000)
        assert [item.position for item in recorded] == list(range(1, len(recorded) + 1))
        return [item.event for item in recorded]

    async def succeeded(self) -> list[ProviderEvent]:
        """By connection, each once; and every attempt has one outcome."""
        events = await self.events()
        begun = [e.attempt_id for e in events if isinstance(e, ProviderDisconnectionAttempted)]
        done = [e for e in events if isinstance(e, ProviderDisconnectionSucceeded)]
        over = [e for e in events if isinstance(e, ProviderDisconnectionFailed)]
        assert sorted(begun, key=str) == sorted((e.attempt_id for e in [*done, *over]), key=str)
        assert len({e.connection_id for e in done}) == len(done)
        return [*done]


@pytest.fixture
def account(world: World) -> Account:
    return Account(world)


async def test_each_connection_has_an_attempt_and_an_outcome_of_its_own(account: Account) -> None:
    connections = await account.connect(3)
    done = await account.ended(3)
    events = await account.events()
    assert (done.batch_id, done.disconnected, done.failed) == (account.batch_id, 3, 0)
    assert await account.statuses() == {ConnectionStatus.DISCONNECTED: 3}
    begun = [e for e in events if isinstance(e, ProviderDisconnectionAttempted)]
    assert [e.connection_id for e in begun] == [c.id for c in connections]
    assert {(e.batch_id, e.initiator, e.note) for e in begun} == {
        (account.batch_id, Initiator.SERVICE, "Account deleted")
    }
    assert len(await account.succeeded()) == 3
    assert done.cursor == await account.world.log.head(account.user_id)


async def test_a_changed_number_is_refused_with_the_new_one(account: Account) -> None:
    await account.connect(3)
    assert await account.end(2) == Failure(error=ConnectionCountChanged(3))
    assert await account.events() == []
    assert await account.statuses() == {ConnectionStatus.ACTIVE: 3}


async def test_a_repetition_is_answered_with_the_counts_and_changes_nothing(
    account: Account,
) -> None:
    await account.connect(3)
    first = await account.ended(3)
    events = await account.events()
    (later,) = await account.connect(1)
    assert await account.ended(3) == first
    assert await account.events() == events
    found = await account.world.connections.find_by_id(later.id)
    assert found is not None
    assert found.status is ConnectionStatus.ACTIVE


async def test_nothing_left_is_a_success_with_0(account: Account) -> None:
    await account.connect(2)
    await account.ended(2)
    head = await account.world.log.head(account.user_id)
    done = await account.ended(2, batch_id=BatchId(uuid7()))
    assert done == DisconnectedProviders(batch_id=None, disconnected=0, failed=0, cursor=head)
    stranger = await account.ended(5, user_id=a_user())
    assert (stranger.batch_id, stranger.disconnected, stranger.failed) == (None, 0, 0)


async def test_others_may_use_the_same_batch_id(account: Account) -> None:
    await account.connect(2)
    other = Account(account.world)
    other.batch_id = account.batch_id
    await other.connect(1)
    assert (await account.ended(2)).disconnected == 2
    assert (await other.ended(1)).disconnected == 1
    assert len(await account.succeeded()) == 2
    assert len(await other.succeeded()) == 1


async def test_one_batch_that_runs_several_times_at_once_is_one_batch(account: Account) -> None:
    await account.connect(150)
    answers = await asyncio.gather(*(account.ended(150) for _ in range(4)))
    assert {(a.batch_id, a.disconnected, a.failed) for a in answers} == {(account.batch_id, 150, 0)}
    assert len(await account.succeeded()) == 150


async def test_a_batch_that_was_cut_off_is_finished_by_a_repetition(account: Account) -> None:
    """A third of its attempts has failed, a third is open, and the rest was disconnected."""
    connections = await account.connect(9)
    command = DisconnectAllProviders(user_id=account.user_id, batch_id=account.batch_id)
    begun = [
        replace(
            attempted(account.user_id, c.id, attempt_id=command.of(c.id).attempt_id),
            batch_id=account.batch_id,
            occurred_at=datetime.now(UTC),
        )
        for c in connections
    ]
    await account.world.bus.publish_all(begun)
    for event in begun[:3]:
        await account.world.bus.publish(replace(failed(event), reason=FailureReason.INTERRUPTED))
    one = DisconnectProviderHandler(
        account.world.connections, account.world.bus, now=lambda: datetime.now(UTC), new_id=uuid7
    )
    for connection in connections[3:6]:
        await one.carry_out(command.of(connection.id), connection)
    done = await account.ended(9)
    assert (done.disconnected, done.failed) == (9, 0)
    assert len(await account.succeeded()) == 9
    assert len(await account.events()) == 2 * 9 + 2 * 3


async def test_what_was_connected_again_after_its_failure_is_left_alone(account: Account) -> None:
    """What was connected at the moment of the attempt, or at an unknown time, is tried again."""
    again, at_once = await account.connect(2)
    unknown = replace(active(account.user_id), connected_at=None)
    await account.world.add(unknown)
    command = DisconnectAllProviders(user_id=account.user_id, batch_id=account.batch_id)
    for connection, earlier in ((again, 1), (at_once, 0), (unknown, 0)):
        attempt_id = command.of(connection.id).attempt_id
        begun = replace(
            attempted(account.user_id, connection.id, attempt_id=attempt_id),
            batch_id=account.batch_id,
            occurred_at=(connection.connected_at or NOW) - timedelta(seconds=earlier),
        )
        await account.world.bus.publish_all([begun])
        await account.world.bus.publish(failed(begun))
    done = await account.ended()
    assert (done.disconnected, done.failed) == (2, 1)
    found = await account.world.connections.find_by_user_id(account.user_id)
    assert [c.id for c in found if c.status is ConnectionStatus.ACTIVE] == [again.id]


async def test_a_thousand_end_within_half_of_a_command_s_deadline(account: Account) -> None:
    await account.connect(1000)
    started = time.monotonic()
    done = await account.ended(1000)
    assert time.monotonic() - started < DEADLINE / 2
    assert (done.disconnected, done.failed) == (1000, 0)
    page = await account.world.connections.page(
        account.user_id, PageRequest(limit=1), frozenset({ConnectionStatus.ACTIVE})
    )
    assert page.items == []


async def test_the_log_says_what_a_batch_has_recorded(world: World) -> None:
    user_id, batch_id = UserId(uuid7()), BatchId(uuid7())
    assert await world.log.of_batch(user_id, batch_id) == []
    account = Account(world)
    account.user_id, account.batch_id = user_id, batch_id
    (connection,) = await account.connect(1)
    await world.bus.publish(attempted(user_id, connection.id))
    await account.ended()
    recorded = await world.log.of_batch(user_id, batch_id)
    assert [(item.position, type(item.event)) for item in recorded] == [
        (2, ProviderDisconnectionAttempted),
        (3, ProviderDisconnectionSucceeded),
    ]
    assert await world.log.of_batch(a_user(), batch_id) == []
