"""The feed behind subscriptions, in memory."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from domain.events import (
    EventCursor,
    RecordedEvent,
)
from domain.identifiers import UserId
from domain.ports import (
    Attachment,
    EventSubscriber,
    StorageError,
)
from tests.support.fakes.world import World


class InMemoryEventFeed:
    """`EventFeed`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def attach(self, after: EventCursor, subscriber: EventSubscriber) -> Attachment:
        return InMemoryAttachment(self, after, subscriber)

    async def pages(self, user_id: UserId, after: int) -> AsyncIterator[Sequence[RecordedEvent]]:
        """What comes after a position, waiting for it."""
        log = self._world.logs[user_id]
        while True:
            async with self._world.grown:
                await self._world.grown.wait_for(lambda: len(log) > after)  # noqa: B023 (awaited here)
                page = log[after:]
            await self._world.passed("read")
            yield page
            after += len(page)


class InMemoryAttachment:
    """`Attachment`: a task that follows."""

    def __init__(
        self, feed: InMemoryEventFeed, after: EventCursor, subscriber: EventSubscriber
    ) -> None:
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._task = asyncio.create_task(self._run(feed, after, subscriber))

    async def _run(
        self, feed: InMemoryEventFeed, after: EventCursor, subscriber: EventSubscriber
    ) -> None:
        try:
            async for page in feed.pages(after.user_id, after.position):
                if not subscriber.deliver(page):
                    self._wanted.clear()
                    await self._wanted.wait()
        except StorageError:
            subscriber.lost()

    def resume(self) -> None:
        self._wanted.set()

    def detach(self) -> None:
        self._task.cancel()
