"""Operators see every event once, with its true reason, and go on seeing them as they come."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
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
from infrastructure.commands.audit import trail as audit_trail
from infrastructure.commands.audit.trail import json_line, of_everybody, of_user
from tests.support.fakes import InMemoryEventLog, World
from tests.support.ids import a_connection, a_provider, a_user, an_attempt, an_event

ALICE, BOB = a_user(0xA), a_user(0xB)
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _poll_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_trail, "POLL", 0.001)
    monkeypatch.setattr(audit_trail, "PAGE", 3)


class Logs:
    """Two users' logs in memory, and all of them by time."""

    def __init__(self) -> None:
        self._world = World()
        self.log = InMemoryEventLog(self._world)

    def add(self, user_id: UserId, made: int) -> None:
        """An event that was made so many seconds after noon, and is committed now."""
        event = ProviderDisconnectionAttempted(
            id=an_event(made),
            occurred_at=NOON + timedelta(seconds=made),
            user_id=user_id,
            connection_id=a_connection(1),
            attempt_id=an_attempt(made),
            provider=None,
        )
        log = self._world.logs[user_id]
        log.append(RecordedEvent(event=event, position=len(log) + 1))

    async def by_time(self, after: UUID | None, limit: int) -> Sequence[RecordedEvent]:
        events = [recorded for log in self._world.logs.values() for recorded in log]
        later = [r for r in events if after is None or r.event.id > after]
        return sorted(later, key=lambda recorded: recorded.event.id)[:limit]

    async def heads(self) -> Mapping[UserId, int]:
        return {user_id: len(log) for user_id, log in self._world.logs.items() if log}


async def made(events: AsyncIterator[RecordedEvent]) -> list[int]:
    return [recorded.event.id.int async for recorded in events]


async def next_made(events: AsyncIterator[RecordedEvent], count: int) -> list[int]:
    async with asyncio.timeout(5):
        return [(await anext(events)).event.id.int for _ in range(count)]


async def test_one_users_events_come_by_position() -> None:
    logs = Logs()
    for time in (5, 1, 2, 8, 7):
        logs.add(ALICE, time)
    logs.add(BOB, 3)
    assert await made(of_user(logs.log, EventCursor.start(ALICE), follow=False)) == [5, 1, 2, 8, 7]
    third = (await logs.log.read(EventCursor.start(ALICE), 3))[-1]
    assert await made(of_user(logs.log, third.cursor, follow=False)) == [8, 7]


async def test_everybodys_events_come_by_time() -> None:
    logs = Logs()
    for time in (1, 5, 3, 7):
        logs.add(ALICE, time)
        logs.add(BOB, time + 1)
    assert await made(of_everybody(logs.log, logs, follow=False)) == [1, 2, 3, 4, 5, 6, 7, 8]


async def test_a_followed_user_is_shown_what_comes() -> None:
    logs = Logs()
    logs.add(ALICE, 1)
    async with aclosing(of_user(logs.log, EventCursor.start(ALICE), follow=True)) as events:
        assert await next_made(events, 1) == [1]
        logs.add(ALICE, 2)
        assert await next_made(events, 1) == [2]


async def test_following_everybody_misses_nothing_and_doubles_nothing() -> None:
    logs = Logs()
    logs.add(ALICE, 10)
    logs.add(BOB, 20)
    async with aclosing(of_everybody(logs.log, logs, follow=True)) as events:
        assert await next_made(events, 2) == [10, 20]
        # Made before what was shown already, committed only now.
        logs.add(ALICE, 5)
        logs.add(BOB, 15)
        assert sorted(await next_made(events, 2)) == [5, 15]
        logs.add(ALICE, 30)
        assert await next_made(events, 1) == [30]


async def test_an_event_that_shows_up_during_the_history_is_not_shown_twice() -> None:
    logs = Logs()
    for time in (10, 11, 12):
        logs.add(ALICE, time)
    async with aclosing(of_everybody(logs.log, logs, follow=True)) as events:
        assert await next_made(events, 1) == [10]
        logs.add(ALICE, 9)  # position 4, behind the page that was read
        logs.add(ALICE, 40)  # position 5, still to come by time
        assert await next_made(events, 3) == [11, 12, 40]
        assert await next_made(events, 1) == [9]
        logs.add(ALICE, 41)
        assert await next_made(events, 1) == [41]


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
    line = json_line(recorded)
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
