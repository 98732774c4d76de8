"""How far one user's log has been read on this node."""

from domain.events import RecordedEvent
from infrastructure.live.event_tail import Place, place_of


class ReadState:
    """The end of the log as far as it is known, and whether the log may go on behind it.

    Wake-ups, reads and own commits are numbered by one clock, so that a read never overrides what
    came after it had begun.
    """

    __slots__ = ("_clock", "_heard", "_seen", "end")

    def __init__(self) -> None:
        self.end: Place = (0, None)
        self._clock = self._heard = 1
        self._seen = 0

    @property
    def stale(self) -> bool:
        """Whether something was heard since the log was last seen to its end."""
        return self._seen < self._heard

    def outdated(self) -> None:
        """The log may have grown."""
        self._heard = self._tick()

    def begin_read(self) -> int:
        """The read's number."""
        return self._tick()

    def read_to(self, end: Place, began: int) -> bool:
        """A read found nothing behind `end`; says whether that is newer than what is known."""
        if began <= self._seen:
            return False
        self._seen, self.end = began, end
        return True

    def append(self, recorded: RecordedEvent) -> bool:
        """Of this node's own commit; says whether it continues what is known."""
        if self.stale or (recorded.position - 1, recorded.previous_id) != self.end:
            return False
        self._seen, self.end = self._tick(), place_of(recorded)
        return True

    def _tick(self) -> int:
        self._clock += 1
        return self._clock
