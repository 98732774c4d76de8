"""Subscribers of an event feed that note what they are told."""

import asyncio
from collections.abc import Sequence

from domain.events import EventCursor, RecordedEvent
from domain.ports import EventFeed


class Subscriber:
    """Notes the events. Takes `room` pages, then says that it has had enough."""

    def __init__(self, room: int = 1_000) -> None:
        self.room = room
        self.events: list[RecordedEvent] = []
        self.is_lost = asyncio.Event()
        self._changed = asyncio.Event()

    def deliver(self, events: Sequence[RecordedEvent], /) -> bool:
        self.events += events
        self._changed.set()
        self.room -= 1
        return self.room > 0

    def lost(self) -> None:
        self.is_lost.set()

    @property
    def positions(self) -> list[int]:
        return [recorded.position for recorded in self.events]

    async def reaches(self, position: int) -> None:
        """Returns when the event at this position is the last one that came."""
        async with asyncio.timeout(5):
            while self.positions[-1:] != [position]:
                self._changed.clear()
                await self._changed.wait()


class Follower(Subscriber):
    """Attached, and always ready."""

    def __init__(self, feed: EventFeed, after: EventCursor) -> None:
        super().__init__()
        self._attachment = feed.attach(after, self)

    def leave(self) -> None:
        self._attachment.detach()
