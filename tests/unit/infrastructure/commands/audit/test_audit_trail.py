"""Operators see every event once, with its true reason, and go on seeing them as they come."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from domain.events import (
    EventCursor,
    FailureReason,
    ProviderDisconnectionAttempted,
    ProviderDisconnectionFailed,
    ProviderRef,
    RecordedEvent,
)
from domain.identifiers import UserId
from domain.ports import LogReplaced, StorageError
from infrastructure.commands.audit import trail as audit_trail
from infrastructure.commands.audit.trail import CommitsUnderWay, of_all_users, of_user
from infrastructure.persistence.all_events import AllEventsCursor, Horizon
from infrastructure.persistence.event_json import json_line
from tests.support.fakes.events import InMemoryAllEvents, InMemoryEventLog
from tests.support.fakes.world import World
from tests.support.ids import a_connection, a_provider, a_user, an_attempt, an_event

ALICE, BOB = a_user(0xA), a_user(0xB)
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _poll_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_trail, "POLL", 0.001)
    monkeypatch.setattr(audit_trail, "PAGE", 3)


class Logs:
    """Two users' logs in memory, and all of them in the order of commits."""

    def __init__(self) -> None:
        self.world = World()
        self.log = InMemoryEventLog(self.world)
        self.all = InMemoryAllEvents(self.world)

    async def add(self, user_id: UserId, made: int) -> None:
        """An event that was made so many seconds after noon, and is committed now."""
        await self.world.write(
            ProviderDisconnectionAttempted(
                id=an_event(made),
                occurred_at=NOON + timedelta(seconds=made),
                user_id=user_id,
                connection_id=a_connection(1),
                attempt_id=an_attempt(made),
                provider=None,
            )
        )


def shown(line: bytes) -> int:
    return UUID(json.loads(line)["id"]).int


async def made(lines: AsyncIterator[bytes]) -> list[int]:
    return [shown(line) async for line in lines]


async def next_made(lines: AsyncIterator[bytes], count: int) -> list[int]:
    async with asyncio.timeout(5):
        return [shown(await anext(lines)) for _ in range(count)]


def everything(logs: Logs, *, follow: bool = False) -> AsyncGenerator[bytes, None]:
    return of_all_users(logs.all, None, follow=follow)


async def test_one_users_events_come_by_position() -> None:
    logs = Logs()
    for time in (5, 1, 2, 8, 7):
        await logs.add(ALICE, time)
    await logs.add(BOB, 3)
    assert await made(of_user(logs.log, EventCursor.start(ALICE), follow=False)) == [5, 1, 2, 8, 7]
    third = (await logs.log.read(EventCursor.start(ALICE), 3))[-1]
    assert await made(of_user(logs.log, third.cursor, follow=False)) == [8, 7]


async def test_all_users_events_come_in_the_order_of_commits() -> None:
    logs = Logs()
    for time in (1, 5, 3, 7):
        await logs.add(ALICE, time)
        await logs.add(BOB, time + 1)
    assert await made(everything(logs)) == [1, 2, 5, 6, 3, 4, 7, 8]


async def test_a_line_of_all_users_resumes_behind_itself() -> None:
    logs = Logs()
    for time in (1, 2, 3, 4, 5):
        await logs.add(BOB if time % 2 else ALICE, time)
    lines = [line async for line in everything(logs)]
    for number, line in enumerate(lines, 1):
        cursor = AllEventsCursor.decode(json.loads(line)["cursor"])
        assert [rest async for rest in of_all_users(logs.all, cursor, follow=False)] == (
            lines[number:]
        )


async def test_a_followed_user_is_shown_what_comes() -> None:
    logs = Logs()
    await logs.add(ALICE, 1)
    lines = of_user(logs.log, EventCursor.start(ALICE), follow=True)
    async with aclosing(lines):
        assert await next_made(lines, 1) == [1]
        await logs.add(ALICE, 2)
        assert await next_made(lines, 1) == [2]


async def test_all_users_are_shown_what_comes() -> None:
    logs = Logs()
    await logs.add(ALICE, 10)
    async with aclosing(everything(logs, follow=True)) as lines:
        assert await next_made(lines, 1) == [10]
        # Made before what was shown already, committed only now.
        await logs.add(ALICE, 5)
        await logs.add(BOB, 15)
        assert await next_made(lines, 2) == [5, 15]


async def test_following_outlives_a_database_that_is_away() -> None:
    logs = Logs()
    await logs.add(ALICE, 1)
    in_one = of_user(logs.log, EventCursor.start(ALICE), follow=True)
    async with aclosing(in_one), aclosing(everything(logs, follow=True)) as in_all:
        for lines in (in_one, in_all):
            assert await next_made(lines, 1) == [1]
        logs.world.down = True
        waiting = [asyncio.create_task(next_made(lines, 1)) for lines in (in_one, in_all)]
        done, _ = await asyncio.wait(waiting, timeout=0.1)
        assert not done
        await logs.world.heal()
        await logs.add(ALICE, 2)
        assert await asyncio.gather(*waiting) == [[2], [2]]


async def test_without_following_a_database_that_is_away_is_an_error() -> None:
    logs = Logs()
    logs.world.down = True
    for lines in (of_user(logs.log, EventCursor.start(ALICE), follow=False), everything(logs)):
        with pytest.raises(StorageError):
            await made(lines)


@pytest.mark.parametrize("follow", [True, False])
async def test_what_follows_in_a_replaced_history_is_not_shown(follow: bool) -> None:
    logs = Logs()
    for time in (1, 2):
        await logs.add(ALICE, time)
    in_one = of_user(logs.log, EventCursor.start(ALICE), follow=follow)
    in_all = everything(logs, follow=follow)
    assert await next_made(in_one, 2) == await next_made(in_all, 2) == [1, 2]
    logs.world.logs.clear()
    logs.world.recorded.clear()
    for time in (3, 4, 5):
        await logs.add(ALICE, time)
    for lines in (in_one, in_all):
        with pytest.raises(LogReplaced):
            await anext(lines)


class Unsettled(InMemoryAllEvents):
    """A transaction is under way that has begun before the last event's."""

    open = True

    async def horizon(self) -> Horizon:
        horizon = await super().horizon()
        return Horizon(settled=horizon.settled - self.open, begun=horizon.begun)


async def test_events_beside_an_open_transaction_are_waited_for() -> None:
    logs = Logs()
    logs.all = Unsettled(logs.world)
    for time in (1, 2):
        await logs.add(ALICE, time)
    async with aclosing(everything(logs)) as lines:
        assert await next_made(lines, 1) == [1]
        rest = asyncio.create_task(made(lines))
        await asyncio.sleep(0.01)
        await logs.add(BOB, 3)  # begun after the command
        logs.all.open = False
        assert await rest == [2, 3]


async def test_a_transaction_that_stays_open_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_trail, "SETTLES_WITHIN", 0.01)
    logs = Logs()
    logs.all = Unsettled(logs.world)
    for time in (1, 2):
        await logs.add(ALICE, time)
    lines = everything(logs)
    assert await next_made(lines, 1) == [1]
    with pytest.raises(CommitsUnderWay, match="--after"):
        await anext(lines)


def test_a_line_says_everything_with_the_true_reason() -> None:
    event = ProviderDisconnectionFailed(
        id=an_event(9),
        occurred_at=NOON,
        user_id=ALICE,
        connection_id=a_connection(1),
        attempt_id=an_attempt(2),
        provider=ProviderRef(id=a_provider(3), slug="schwab"),
        reason=FailureReason.NOT_OWNED_BY_USER,
    )
    recorded = RecordedEvent(event=event, position=7)
    line = json_line(recorded, recorded.cursor)
    assert line.endswith(b"}\n")
    assert json.loads(line) == {
        "type": "ProviderDisconnectionFailed",
        "user_id": str(ALICE),
        "position": 7,
        "occurred_at": "2026-01-02T12:00:00+00:00",
        "connection_id": str(UUID(int=1)),
        "attempt_id": str(UUID(int=2)),
        "provider": {"id": str(UUID(int=3)), "slug": "schwab"},
        "reason": "NOT_OWNED_BY_USER",
        "id": str(UUID(int=9)),
        "cursor": recorded.cursor.encode(),
    }
