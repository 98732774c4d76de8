import asyncio
from collections.abc import Sequence

import pytest
import structlog

from domain.events import EventCursor, RecordedEvent
from infrastructure.live.log_reader import AT_ONCE, LogReader
from tests.support.ids import a_user
from tests.support.logs import GrowingLog
from tests.support.woken import eventually


class SlowLog(GrowingLog):
    """Counts the reads that are under way."""

    def __init__(self) -> None:
        super().__init__()
        self.under_way = self.most_under_way = 0
        self.allowed = asyncio.Event()

    async def read(self, after: EventCursor, limit: int) -> Sequence[RecordedEvent]:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await self.allowed.wait()
        self.under_way -= 1
        return await super().read(after, limit)


@pytest.mark.parametrize(
    ("connections", "at_once"), [(1, 1), (2, 1), (3, 1), (6, 4), (10, AT_ONCE), (100, AT_ONCE)]
)
async def test_many_who_read_leave_connections_to_commands(connections: int, at_once: int) -> None:
    log, done = SlowLog(), asyncio.Event()
    answers: list[Sequence[RecordedEvent] | None] = []

    def answered(page: Sequence[RecordedEvent] | None) -> None:
        answers.append(page)
        if len(answers) == 10 * AT_ONCE:
            done.set()

    async with LogReader(log, connections=connections) as reader:
        for number in range(10 * AT_ONCE):
            reader.read(EventCursor.start(a_user(number)), lambda: True, answered)
        await eventually(lambda: log.under_way == at_once)
        log.allowed.set()
        await done.wait()

    assert log.most_under_way == at_once
    assert answers == [[]] * 10 * AT_ONCE


async def test_a_replaced_log_has_no_page_and_is_written_down() -> None:
    log, user_id = GrowingLog(), a_user()
    log.grow(user_id, 2)
    seen = log.cursor(user_id, 2)
    log.replace(user_id, kept=1, grown=1)
    answered: asyncio.Future[Sequence[RecordedEvent] | None] = asyncio.Future()
    with structlog.testing.capture_logs() as written:
        async with LogReader(log, connections=10) as reader:
            reader.read(seen, lambda: True, answered.set_result)
            assert await answered is None
    assert [(entry["event"], entry["position"]) for entry in written] == [("log_replaced", 2)]
