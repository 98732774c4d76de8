"""One user's followers on this node, and how far the user's log has been read here."""

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

import structlog

from domain.events import EventCursor, RecordedEvent
from domain.identifiers import UserId
from domain.ports import EventSubscriber
from infrastructure.live.event_tail import EventTail, Place, place_of
from infrastructure.live.log_reader import LogReader
from infrastructure.live.read_state import ReadState

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 16
"""Events in one delivery, so that a follower that is far behind takes turns with the others."""


class Follower:
    """`Attachment`. Small, because most of them are idle."""

    __slots__ = ("_feed", "page", "place", "queued", "subscriber", "wants", "was_at_end")

    def __init__(self, feed: "UserFeed", subscriber: EventSubscriber, place: Place) -> None:
        self._feed = feed
        self.subscriber = subscriber
        self.place = place
        self.page: Sequence[RecordedEvent] = ()
        """What was read for it and is still to be delivered."""
        self.queued = False
        """Whether it waits for its turn or for a read."""
        self.wants = True
        self.was_at_end = False
        """Until then all that it gets is read from the log: what is in memory may be a history
        that was replaced before this follower came."""

    def resume(self) -> None:
        if self in self._feed.followers:
            self.wants = True
            self._feed.look(self)

    def detach(self) -> None:
        self.wants = False
        self._feed.remove(self)

    def lose(self) -> None:
        """It can't go on, and its subscriber is told so."""
        self.detach()
        try:
            self.subscriber.lost()
        except Exception:
            log.exception("delivery_failed")


class UserFeed:
    """What one user's followers wait for, as long as there are any."""

    __slots__ = (
        "_due",
        "_left",
        "_reader",
        "_reads",
        "_schedule",
        "_state",
        "_tail",
        "followers",
        "user_id",
    )

    def __init__(
        self,
        user_id: UserId,
        tail: EventTail,
        reader: LogReader,
        *,
        schedule: Callable[["UserFeed"], None],
        left: Callable[["UserFeed"], None],
    ) -> None:
        """`schedule` asks for calls of `serve`; `left` is told that the last follower has gone."""
        self.user_id = user_id
        self.followers: set[Follower] = set()
        self._tail = tail
        self._reader = reader
        self._schedule = schedule
        self._left = left
        self._due: deque[Follower] = deque()
        self._reads: dict[Place, list[Follower]] = {}
        self._state = ReadState()

    @property
    def stale(self) -> bool:
        """Whether the log may go on behind the end that is known here."""
        return self._state.stale

    @property
    def end(self) -> EventCursor:
        """The end of the log, as far as it is known here."""
        return self._cursor(self._state.end)

    def add(self, subscriber: EventSubscriber, after: EventCursor) -> Follower:
        """A follower of what comes after the cursor."""
        follower = Follower(self, subscriber, (after.position, after.event_id))
        self.followers.add(follower)
        self.look(follower)
        return follower

    def remove(self, follower: Follower) -> None:
        """May be repeated."""
        if follower in self.followers:
            self.followers.remove(follower)
            if not self.followers:
                self._left(self)

    def outdated(self) -> None:
        """The log may have grown: followers read what comes after their places."""
        self._state.outdated()
        self._look_all()

    def committed(self, recorded: RecordedEvent) -> None:
        """This node appended it. It is delivered when it continues what is known here."""
        end = self._state.end
        if self._state.append(recorded):
            self._tail.extend(self.user_id, end, (recorded,))
            self._look_all()
        else:
            self.outdated()

    def lose(self) -> None:
        """The history was replaced: this is the end for all followers."""
        for follower in tuple(self.followers):
            follower.lose()

    def look(self, follower: Follower) -> None:
        """Serves it soon, if it wants anything."""
        if follower.wants and not follower.queued:
            follower.queued = True
            self._due.append(follower)
            if len(self._due) == 1:
                self._schedule(self)

    def serve(self) -> bool:
        """One delivery, to the follower that has waited for longest; says whether others wait."""
        follower = self._due.popleft()
        follower.queued = False
        if follower.wants:
            self._serve(follower)
        return bool(self._due)

    def _serve(self, follower: Follower) -> None:
        page = follower.page or self._next(follower)
        if not page:
            return
        follower.page = ()
        if len(page) > MOST_AT_ONCE:
            page, follower.page = page[:MOST_AT_ONCE], page[MOST_AT_ONCE:]
        follower.place = place_of(page[-1])
        follower.wants = _delivered(follower, page) and follower.wants
        if follower.page or not self._is_at_end(follower):
            self.look(follower)

    def _next(self, follower: Follower) -> Sequence[RecordedEvent]:
        """What follows its place; nothing when that is the end, or has to be read first."""
        if self._is_at_end(follower):
            follower.was_at_end = True
            return ()
        page: Sequence[RecordedEvent] = ()
        if follower.was_at_end:
            page = self._tail.after(self.user_id, follower.place, MOST_AT_ONCE)
        if not page:
            self._read(follower)
        return page

    def _read(self, follower: Follower) -> None:
        """One read for all followers at this place; they are queued until it is done."""
        place = follower.place
        if place not in self._reads:
            self._reads[place] = []
            done = partial(self._read_done, place, self._state.begin_read())
            self._reader.read(self._cursor(place), lambda: bool(self.followers), done)
        follower.queued = True
        self._reads[place].append(follower)

    def _read_done(self, after: Place, began: int, page: Sequence[RecordedEvent] | None) -> None:
        waiting = self._reads.pop(after)
        if not self.followers:
            return  # the user's next followers have a feed of their own
        for follower in waiting:
            follower.queued = False
        if page is None:
            self._give_up(waiting)
            return
        at_end = len(page) < self._reader.page_size
        if at_end:
            self._read_to_end(after, began, page)
        for follower in waiting:
            follower.page = page
            follower.was_at_end = follower.was_at_end or at_end
            self.look(follower)

    def _read_to_end(self, after: Place, began: int, page: Sequence[RecordedEvent]) -> None:
        known, end = self._state.end, place_of(page[-1]) if page else after
        if self._state.read_to(end, began):
            self._tail.extend(self.user_id, after, page)
            if end != known:
                self._look_all()

    def _give_up(self, waiting: Sequence[Follower]) -> None:
        """What these can't read tells the others to check whether they can."""
        self._tail.forget(self.user_id)
        for follower in self.followers.intersection(waiting):
            follower.lose()
        self.outdated()

    def _look_all(self) -> None:
        for follower in self.followers:
            self.look(follower)

    def _is_at_end(self, follower: Follower) -> bool:
        return follower.place == self._state.end and not self._state.stale

    def _cursor(self, place: Place) -> EventCursor:
        position, event_id = place
        return EventCursor(user_id=self.user_id, position=position, event_id=event_id)


def _delivered(follower: Follower, page: Sequence[RecordedEvent]) -> bool:
    """A fault of one subscriber ends it, so that it misses nothing unnoticed, and no other."""
    try:
        return follower.subscriber.deliver(page)
    except Exception:
        log.exception("delivery_failed")
        follower.lose()
        return False
