"""The `EventFeed` of one node: who follows which user's log, and whose turn it is."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from time import perf_counter

from domain.events import EventCursor, RecordedEvent
from domain.identifiers import UserId
from domain.ports import Attachment, EventSubscriber
from infrastructure.live.event_tail import EventTail
from infrastructure.live.log_reader import LogReader
from infrastructure.live.user_feed import UserFeed
from infrastructure.live.wake_ups import WakeUps

TURN = 0.001
"""Seconds of deliveries after which the event loop does other work."""


class LiveEventFeed:
    """A subscription registers for wake-ups first and looks into the log afterwards, so nothing
    can come in between; replayed and live events take the same path.

    Own commits come directly. A wake-up only says that the log may have grown, so a lost one costs
    time (until the next sweep) and a doubled one costs a read. Users take turns, a delivery each.
    """

    def __init__(self, reader: LogReader, tail: EventTail, wake_ups: WakeUps) -> None:
        self._reader = reader
        self._tail = tail
        self._wake_ups = wake_ups
        self._users: dict[UserId, UserFeed] = {}
        self._stop_listening: dict[UserId, Callable[[], None]] = {}
        self._due: OrderedDict[UserFeed, None] = OrderedDict()
        self._turn: asyncio.Handle | None = None

    def attach(self, after: EventCursor, subscriber: EventSubscriber) -> Attachment:
        """A log that can't be read is tried again for as long as the reader is patient."""
        feed = self._users.get(after.user_id) or self._enter(after.user_id)
        return feed.add(subscriber, after)

    def committed(self, events: Sequence[RecordedEvent]) -> None:
        """Takes in what this node has committed, in order of positions."""
        for recorded in events:
            feed = self._users.get(recorded.event.user_id)
            if feed is not None:
                feed.committed(recorded)

    def ends(self) -> Sequence[EventCursor]:
        """Where the logs of live users end, as far as this node knows; not those being read."""
        return [feed.end for feed in self._users.values() if not feed.stale]

    def has_grown(self, user_id: UserId, head: int) -> bool:
        """The user's log ends at `head`; says whether that was new here."""
        feed = self._users.get(user_id)
        if feed is None or feed.stale or head <= feed.end.position:
            return False
        feed.outdated()
        return True

    def lose(self, user_id: UserId) -> bool:
        """The user's history was replaced: ends all streams of it here, if there are any."""
        feed = self._users.get(user_id)
        if feed is None:
            return False
        feed.lose()
        return True

    def _enter(self, user_id: UserId) -> UserFeed:
        feed = self._users[user_id] = UserFeed(
            user_id, self._tail, self._reader, schedule=self._schedule, left=self._leave
        )
        self._stop_listening[user_id] = self._wake_ups.listen(user_id, feed.outdated)
        return feed

    def _leave(self, feed: UserFeed) -> None:
        self._stop_listening.pop(feed.user_id)()
        del self._users[feed.user_id]
        self._tail.forget(feed.user_id)

    def _schedule(self, feed: UserFeed) -> None:
        self._due[feed] = None
        if self._turn is None:
            self._turn = asyncio.get_running_loop().call_soon(self._serve)

    def _serve(self) -> None:
        until = perf_counter() + TURN  # uvloop's clock stands still during a turn
        try:
            while self._due:
                feed, _ = self._due.popitem(last=False)
                if feed.serve():
                    self._due[feed] = None
                if perf_counter() > until:
                    break
        finally:
            self._turn = None
            if self._due:
                self._turn = asyncio.get_running_loop().call_soon(self._serve)
