"""The event log as operators read it: lines of JSON, in the order of commits."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol, TypeVar

from domain.events import EventCursor
from domain.ports import EventLog, StorageError
from infrastructure.failures import OperatorError
from infrastructure.persistence.all_events import AllEventsCursor, CommittedEvent, Horizon
from infrastructure.persistence.event_json import json_line
from infrastructure.retry import back_off

T = TypeVar("T")

PAGE = 500
POLL = 0.5
"""Seconds between two looks at a log that is followed."""
SETTLES_WITHIN = 30.0
"""Seconds to wait for transactions that had begun before the command."""


class AllEvents(Protocol):
    """All users' events in one order. Holds no transaction between two calls.

    Every method raises `StorageError`.
    """

    async def horizon(self) -> Horizon:
        """How far the order can be read now."""

    async def read(
        self, after: AllEventsCursor | None, before: int, limit: int
    ) -> Sequence[CommittedEvent]:
        """Up to `limit` events after a cursor, or from the first, below a place in the order.

        Raises `LogReplaced` when the event at the cursor's place is not the cursor's event.
        """


class CommitsUnderWay(OperatorError):
    """All events were printed but those that can't be put in order yet."""

    def __init__(self) -> None:
        super().__init__(
            "A transaction on the database server has been open since before this command, so "
            "events that were committed after its begin are missing: end it (pg_stat_activity "
            "shows it), and go on with --after and the last cursor."
        )


async def of_user(
    log: EventLog, after: EventCursor, *, follow: bool
) -> AsyncGenerator[bytes, None]:
    """One user's events after a cursor; when followed, without an end.

    Raises `LogReplaced`, and `StorageError` unless it follows.
    """
    while True:
        page = await _read(partial(log.read, after, PAGE), follow=follow)
        for recorded in page:
            after = recorded.cursor
            yield json_line(recorded, after)
        if not page and not follow:
            return
        if not page:
            await asyncio.sleep(POLL)


async def of_all_users(
    events: AllEvents, after: AllEventsCursor | None, *, follow: bool
) -> AsyncGenerator[bytes, None]:
    """All events after a cursor, or from the first, each once; when followed, without an end.

    Otherwise it ends with what was committed before it began. Raises `LogReplaced`,
    `CommitsUnderWay`, and `StorageError` unless it follows.
    """
    began, wanted = asyncio.get_running_loop().time(), None
    while True:
        horizon = await _read(events.horizon, follow=follow)
        while page := await _read(
            partial(events.read, after, horizon.settled, PAGE), follow=follow
        ):
            for committed in page:
                after = committed.cursor
                yield json_line(committed.recorded, after)
        wanted = wanted or horizon.begun
        if not follow and horizon.settled >= wanted:
            return
        if not follow and asyncio.get_running_loop().time() - began > SETTLES_WITHIN:
            raise CommitsUnderWay
        await asyncio.sleep(POLL)


async def _read(read: Callable[[], Awaitable[T]], *, follow: bool) -> T:
    """A follower waits for a database that is away; the adapters log it."""
    for pause in back_off():
        try:
            return await read()
        except StorageError:
            if not follow:
                raise
        await asyncio.sleep(pause)
    raise AssertionError("back-off has no end")
