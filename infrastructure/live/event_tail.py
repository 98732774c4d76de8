"""The newest events of the users who are followed on this node, in memory."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import TypeAlias

from domain.events import RecordedEvent
from domain.identifiers import EventId, UserId

EVENTS_PER_USER = 256
EVENTS_PER_NODE = 16_384

Place: TypeAlias = tuple[int, EventId | None]
"""A position in a user's log and the id of the event there; `(0, None)` is before the first."""


def place_of(recorded: RecordedEvent) -> Place:
    """After this event."""
    return recorded.position, recorded.event.id


class EventTail:
    """For each user the end of one history: contiguous events, and the place in front of them.

    A place has an event's id, so a tail never continues a history that is not its own. Bounded per
    user and in total: the user whose tail was not extended for the longest time loses it.
    """

    def __init__(self, per_user: int = EVENTS_PER_USER, per_node: int = EVENTS_PER_NODE) -> None:
        self._per_user = per_user
        self._per_node = per_node
        self._tails: OrderedDict[UserId, _Tail] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def extend(self, user_id: UserId, after: Place, events: Sequence[RecordedEvent]) -> None:
        """The user's log ends with `events`, which follow `after`.

        What the tail had behind `after` gives way to them; a tail without `after` starts anew.
        """
        self._cut(user_id, after)
        if not events:
            return
        tail = self._tails.setdefault(user_id, _Tail(after))
        tail.events += events
        self._size += len(events)
        self._tails.move_to_end(user_id)
        self._trim(tail)

    def after(self, user_id: UserId, place: Place, limit: int) -> Sequence[RecordedEvent]:
        """Up to `limit` events that follow a place; none when it is not in the tail."""
        tail = self._tails.get(user_id)
        start = None if tail is None else tail.index(place)
        return () if tail is None or start is None else tail.events[start : start + limit]

    def forget(self, user_id: UserId) -> None:
        """The user is not followed any more, or the log may not be the one that was."""
        tail = self._tails.pop(user_id, None)
        if tail is not None:
            self._size -= len(tail.events)

    def _cut(self, user_id: UserId, after: Place) -> None:
        tail = self._tails.get(user_id)
        if tail is None:
            return
        end = tail.index(after)
        if not end:
            self.forget(user_id)
        elif end < len(tail.events):
            self._size -= len(tail.events) - end
            del tail.events[end:]

    def _trim(self, tail: "_Tail") -> None:
        # Cutting rarely, in large pieces, keeps an append cheap.
        surplus = len(tail.events) - self._per_user
        if surplus > self._per_user:
            tail.drop(surplus)
            self._size -= surplus
        while self._size > self._per_node and len(self._tails) > 1:
            _, dropped = self._tails.popitem(last=False)
            self._size -= len(dropped.events)


class _Tail:
    __slots__ = ("_start", "events")

    def __init__(self, start: Place) -> None:
        self._start = start
        self.events: list[RecordedEvent] = []

    def index(self, place: Place) -> int | None:
        """Of the event that follows the place; None when the place is not in this tail."""
        index = place[0] - self._start[0]
        if not 0 <= index <= len(self.events):
            return None
        known = place_of(self.events[index - 1]) if index else self._start
        return index if known == place else None

    def drop(self, count: int) -> None:
        """The oldest ones."""
        self._start = place_of(self.events[count - 1])
        del self.events[:count]
