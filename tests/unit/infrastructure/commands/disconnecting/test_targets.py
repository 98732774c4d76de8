"""Which connections an operator means, and what a run leaves alone."""

import io
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from uuid_utils.compat import uuid7

from domain.commands.disconnect_provider import DisconnectProviderHandler
from domain.events import Initiator, ProviderDisconnectionAttempted
from domain.identifiers import BatchId
from domain.ports import ConnectionFilter, StorageError
from domain.provider_connection import ConnectionStatus, ProviderConnection
from infrastructure.commands.disconnecting.run import AT_ONCE, DisconnectTargets, Reason, Report
from infrastructure.commands.disconnecting.targets import Targets, read_ids, table
from infrastructure.failures import OperatorError
from tests.contracts.worlds.world import NOW, active
from tests.support.fakes.connections import InMemoryProviderConnectionRepository
from tests.support.fakes.events import InMemoryEventBus
from tests.support.fakes.world import World
from tests.support.ids import a_connection, a_user

REASON = Reason(batch_id=BatchId(uuid7()), note="A leak at Plaid")
EVERY = ConnectionFilter(provider_slug="schwab")


class Case:
    """An operator's run in one world."""

    def __init__(self, count: int = 0) -> None:
        self.world = World()
        self.connections = [active(a_user()) for _ in range(count)]
        self.world.add(*self.connections)
        self.repository = InMemoryProviderConnectionRepository(self.world)
        self.report = Report()
        self.on_progress: Callable[[int], None] = lambda _: None
        self.probe: Callable[[], Awaitable[None]] = self._probe

    async def _probe(self) -> None:
        await self.world.passed("probe")

    async def run(self, wanted: ConnectionFilter = EVERY) -> int:
        """How many were connected meanwhile."""
        bus = InMemoryEventBus(self.world)
        handler = DisconnectProviderHandler(
            self.repository, bus, now=lambda: datetime.now(UTC), new_id=uuid7
        )
        targets = Targets(self.repository, wanted)
        found = await targets.all()
        await DisconnectTargets(
            targets=targets,
            disconnect=handler.handle,
            probe=self.probe,
            report=self.report,
            on_progress=self.on_progress,
        ).run(found, REASON)
        return await targets.others(found)

    def status(self, connection: ProviderConnection) -> ConnectionStatus:
        return self.world.connections[connection.id].status


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (ConnectionFilter(provider_slug="schwab"), {1, 3}),
        (ConnectionFilter(user_id=a_user(7)), {1, 2}),
        (ConnectionFilter(connected_before=NOW), {1, 2}),
        (ConnectionFilter(connected_before=NOW, provider_slug="schwab"), {1}),
        (ConnectionFilter(ids=frozenset(map(a_connection, (2, 3, 4, 9)))), {2, 3}),
    ],
)
async def test_options_are_combined_and_disconnected_ones_never_match(
    wanted: ConnectionFilter, expected: set[int]
) -> None:
    case, before = Case(), NOW - timedelta(days=1)
    one = replace(active(a_user(7)), id=a_connection(1), connected_at=before)
    two = replace(one, id=a_connection(2), provider_slug="plaid", connected_at=None)
    two = replace(two, created_at=before)
    three = replace(active(a_user(8)), id=a_connection(3))
    case.world.add(one, two, three, replace(one, id=a_connection(4)).mark_disconnected(NOW))
    found = await Targets(case.repository, wanted).all()
    assert {target.id.int for target in found} == expected


async def test_more_than_a_page_is_read() -> None:
    case = Case(2_050)
    assert len(await Targets(case.repository, EVERY).all()) == 2_050


async def test_each_event_says_who_why_and_in_which_run() -> None:
    case = Case(3)
    assert await case.run() == 0
    assert str(case.report).startswith("3 disconnected, 0 failed, 0 left alone")
    begun = [r.event for r in case.world.recorded if r.event.attempt_id]
    said = {
        (event.initiator, event.batch_id, event.note)
        for event in begun
        if isinstance(event, ProviderDisconnectionAttempted)
    }
    assert said == {(Initiator.OPERATOR, REASON.batch_id, REASON.note)}


async def test_what_is_connected_or_disconnected_meanwhile_is_left_alone() -> None:
    case = Case(AT_ONCE + 2)
    again, gone = case.connections[-2:]

    def meanwhile(_: int) -> None:
        if len(case.world.connections) > AT_ONCE + 2:
            return
        case.world.add(active(a_user()))
        case.world.add(replace(again, connected_at=NOW + timedelta(hours=1)))
        case.world.add(gone.mark_disconnected(NOW))

    case.on_progress = meanwhile
    assert await case.run() == 1
    assert (case.report.disconnected, case.report.left_alone) == (AT_ONCE, 2)
    assert case.status(again) is ConnectionStatus.ACTIVE


async def test_one_that_fails_does_not_keep_the_others_from_ending() -> None:
    case = Case(3)
    case.world.at("succeeded", case.world.fail)
    await case.run()
    assert (case.report.disconnected, case.report.failed) == (2, 1)


async def test_a_database_that_takes_nothing_ends_the_run() -> None:
    case = Case(AT_ONCE + 1)

    async def fail_all() -> None:
        case.world.down = True
        raise StorageError

    case.world.at("attempted", fail_all)
    with pytest.raises(StorageError):
        await case.run()
    case.world.down = False
    assert case.report.failed == AT_ONCE
    assert case.status(case.connections[-1]) is ConnectionStatus.ACTIVE


def test_counts_by_provider_and_status() -> None:
    plaid = replace(active(a_user()), provider_slug="plaid", status=ConnectionStatus.EXPIRED)
    assert table([active(a_user()), active(a_user()), plaid]) == (  # type: ignore[list-item]
        "provider  status   connections\n"
        "plaid     expired            1\n"
        "schwab    active             2\n"
        "total                        3"
    )


def test_a_file_of_ids() -> None:
    one, two = a_connection(), a_connection()
    assert read_ids(io.StringIO(f"{one}\n\n  {two}\r\n{one}\n"), "ids.txt") == {one, two}
    with pytest.raises(OperatorError, match=r"ids\.txt, line 2: it is not a UUID\."):
        read_ids(io.StringIO(f"{one}\nrubbish\n"), "ids.txt")
