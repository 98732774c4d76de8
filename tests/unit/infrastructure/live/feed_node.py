"""One node's feed in memory, for tests."""

import asyncio

from domain.events import EventCursor
from domain.identifiers import UserId
from infrastructure.live.event_feed import LiveEventFeed
from infrastructure.live.event_tail import EventTail
from infrastructure.live.log_reader import LogReader
from tests.support.following import Follower
from tests.support.ids import a_user
from tests.support.logs import GrowingLog
from tests.support.woken import ManualWakeUps

USER = a_user(1)
START = EventCursor.start(USER)


class Node:
    """One node's feed, on a log that other nodes write to as well."""

    def __init__(self, *, page_size: int = 200, patience: float = 30) -> None:
        self.log = GrowingLog()
        self.wake_ups = ManualWakeUps()
        self.reader = LogReader(self.log, page_size=page_size, patience=patience)
        self.tail = EventTail()
        self.feed = LiveEventFeed(self.reader, self.tail, self.wake_ups)

    @property
    def registered(self) -> int:
        return len(self.wake_ups.listeners)

    def commit(self, by: int = 1, user_id: UserId = USER) -> None:
        """This node writes."""
        self.feed.committed(self.log.grow(user_id, by))

    def commit_elsewhere(self, by: int = 1, *, wake: bool = True) -> None:
        """Another node writes; its wake-up may get lost."""
        self.log.grow(USER, by)
        if wake:
            self.wake_ups.arrive(USER)

    def follow(self, after: int = 0) -> Follower:
        return Follower(self.feed, self.log.cursor(USER, after))


async def idle() -> None:
    """Lets everything run that can run without the outside."""
    for _ in range(20):
        await asyncio.sleep(0)
