"""The newest events of live users, in memory."""

from collections import OrderedDict
from collections.abc import Sequence
from uuid import UUID

from domain.events import RecordedEvent

EVENTS_PER_USER = 256
EVENTS_PER_NODE = 16_384


class EventTail:
    """For each user the end of the log as far as this node knows it, without a gap.

    It is fed with what this node commits and with what it reads. Other nodes commit in between, so
    events that don't continue a user's tail start it anew. Bounded per user and in total: the
    user whose tail has not grown for longest loses it.
    """

    def __init__(self, per_user: int = EVENTS_PER_USER, per_node: int = EVENTS_PER_NODE) -> None:
        self._per_user = per_user
        self._per_node = per_node
        self._tails: OrderedDict[UUID, list[RecordedEvent]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def extend(self, user_id: UUID, events: Sequence[RecordedEvent]) -> None:
        """`events` are contiguous among themselves; those that are known already are left out."""
        if not events:
            return
        tail = self._tails.get(user_id)
        if tail is None:
            tail = self._tails[user_id] = []
        first, last = events[0].position, events[-1].position
        if not tail or first > tail[-1].position + 1:
            self._replace(tail, events)
        elif last > tail[-1].position:
            new = events[tail[-1].position + 1 - first :]
            tail.extend(new)
            self._size += len(new)
        elif last + 1 >= tail[0].position > first:
            # Read to close a gap in front of what this node committed.
            self._replace(tail, [*events[: tail[0].position - first], *tail])
        self._tails.move_to_end(user_id)
        self._trim(tail)

    def after(self, user_id: UUID, position: int, limit: int) -> Sequence[RecordedEvent] | None:
        """The events that follow `position`; None when the tail does not continue it."""
        tail = self._tails.get(user_id)
        if not tail:
            return None
        start = position + 1 - tail[0].position
        if not 0 <= start < len(tail):
            return None
        return tail[start : start + limit]

    def forget(self, user_id: UUID) -> None:
        self._size -= len(self._tails.pop(user_id, ()))

    def _replace(self, tail: list[RecordedEvent], events: Sequence[RecordedEvent]) -> None:
        self._size += len(events) - len(tail)
        tail[:] = events

    def _trim(self, tail: list[RecordedEvent]) -> None:
        # Cutting rarely, in large pieces, keeps an append cheap.
        if len(tail) > 2 * self._per_user:
            self._replace(tail, tail[-self._per_user :])
        while self._size > self._per_node and len(self._tails) > 1:
            _, dropped = self._tails.popitem(last=False)
            self._size -= len(dropped)
