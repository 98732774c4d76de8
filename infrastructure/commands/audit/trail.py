"""The event log as operators read it: JSON lines, every user's, true reasons included."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from typing import Protocol

import orjson

from domain.events import ProviderDisconnectionFailed, RecordedEvent
from domain.identifiers import EventId, UserId
from domain.ports import EventLog

PAGE = 500
POLL = 0.5
"""Seconds between two looks at a log that is followed."""


class AllEvents(Protocol):
    """The logs of all users. Raises `StorageError`, and holds no transaction between two calls."""

    async def by_time(self, after: EventId | None, limit: int) -> Sequence[RecordedEvent]:
        """In order of event ids, which are made by time, after one of them."""

    async def heads(self) -> Mapping[UserId, int]:
        """The last position of each user's log."""


async def of_user(
    log: EventLog, user_id: UserId, after: int, *, follow: bool
) -> AsyncGenerator[RecordedEvent, None]:
    """One user's events after a position, in order; when followed, for ever."""
    while True:
        page = await log.read(user_id, after, PAGE)
        for recorded in page:
            yield recorded
            after = recorded.position
        if not page and not follow:
            return
        if not page:
            await asyncio.sleep(POLL)


async def of_everybody(
    log: EventLog, events: AllEvents, *, follow: bool
) -> AsyncGenerator[RecordedEvent, None]:
    """All events by time, each once; when followed, for ever.

    Time is when an event was made, position is when it was committed: one may come to light behind
    a later one. What is followed is therefore each user's positions, not the time.
    """
    seen = _Seen()
    last: EventId | None = None
    while page := await events.by_time(last, PAGE):
        for recorded in page:
            yield recorded
            if follow:
                seen.add(recorded.event.user_id, recorded.position)
        last = page[-1].event.id
    while follow:
        for user_id, after in seen.behind(await events.heads()):
            async for recorded in of_user(log, user_id, after, follow=False):
                if seen.add(user_id, recorded.position):
                    yield recorded
        await asyncio.sleep(POLL)


def json_line(recorded: RecordedEvent) -> bytes:
    """One event, with its position and cursor."""
    event = recorded.event
    line: dict[str, object] = {
        "type": type(event).__name__,
        "user_id": event.user_id,
        "position": recorded.position,
        "occurred_at": event.occurred_at,
        "connection_id": event.connection_id,
        "attempt_id": event.attempt_id,
        "provider": event.provider and {"id": event.provider.id, "slug": event.provider.slug},
    }
    if isinstance(event, ProviderDisconnectionFailed):
        line["reason"] = event.reason.name
    line["id"] = event.id
    line["cursor"] = recorded.cursor.encode()
    # asyncpg's UUIDs are a class of their own, which orjson does not know.
    return orjson.dumps(line, default=str, option=orjson.OPT_APPEND_NEWLINE)


class _Seen:
    """Which positions of each user have been shown: all up to one, and some beyond it."""

    def __init__(self) -> None:
        self._up_to: dict[UserId, int] = {}
        self._beyond: dict[UserId, set[int]] = {}

    def add(self, user_id: UserId, position: int) -> bool:
        """Whether it is new."""
        up_to, beyond = self._up_to.get(user_id, 0), self._beyond.get(user_id, set())
        if position <= up_to or position in beyond:
            return False
        beyond.add(position)
        while up_to + 1 in beyond:
            up_to += 1
            beyond.remove(up_to)
        self._up_to[user_id] = up_to
        if beyond:
            self._beyond[user_id] = beyond
        else:
            self._beyond.pop(user_id, None)
        return True

    def behind(self, heads: Mapping[UserId, int]) -> Iterable[tuple[UserId, int]]:
        """Users whose logs go on, and the position that they are complete up to."""
        for user_id, head in heads.items():
            up_to = self._up_to.get(user_id, 0)
            if head > up_to:
                yield user_id, up_to
