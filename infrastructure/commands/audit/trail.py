"""The event log as operators read it: JSON lines, every user's, true reasons included."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from typing import Protocol

import orjson

from domain.events import EventCursor, ProviderDisconnectionFailed, RecordedEvent
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
    log: EventLog, after: EventCursor, *, follow: bool
) -> AsyncGenerator[RecordedEvent, None]:
    """One user's events after a cursor, in order; when followed, without an end.

    Raises `LogReplaced`.
    """
    while True:
        page = await log.read(after, PAGE)
        for recorded in page:
            yield recorded
            after = recorded.cursor
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
                seen.add(recorded)
        last = page[-1].event.id
    while follow:
        for after in seen.behind(await events.heads()):
            async for recorded in of_user(log, after, follow=False):
                if seen.add(recorded):
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
    """Which events of each user have been shown: all up to one, and some beyond it."""

    def __init__(self) -> None:
        self._up_to: dict[UserId, EventCursor] = {}
        self._beyond: dict[UserId, dict[int, EventCursor]] = {}

    def add(self, recorded: RecordedEvent) -> bool:
        """Whether it is new."""
        user_id = recorded.event.user_id
        up_to, beyond = self._of(user_id), self._beyond.setdefault(user_id, {})
        if recorded.position <= up_to.position or recorded.position in beyond:
            return False
        beyond[recorded.position] = recorded.cursor
        while up_to.position + 1 in beyond:
            up_to = beyond.pop(up_to.position + 1)
        self._up_to[user_id] = up_to
        return True

    def behind(self, heads: Mapping[UserId, int]) -> Iterable[EventCursor]:
        """Up to where users are complete whose logs go on."""
        return [
            up_to for user_id, head in heads.items() if head > (up_to := self._of(user_id)).position
        ]

    def _of(self, user_id: UserId) -> EventCursor:
        return self._up_to.get(user_id) or EventCursor.start(user_id)
