"""What a node knows of one user's log, and who follows it here."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias

import structlog

from domain.events import RecordedEvent
from domain.identifiers import UserId
from domain.ports import EventSubscriber

log = structlog.get_logger(__name__)

BURST = 64
"""Events delivered between two turns of the event loop: less than a millisecond."""

NextPage: TypeAlias = Callable[["LiveLog", "LiveAttachment"], Sequence[RecordedEvent] | None]
"""What follows an attachment's position; None: it is being read, and `LiveLog.look` will follow."""


class LiveAttachment:
    """See `Attachment`. Small, because most of them are idle."""

    __slots__ = ("_log", "page", "position", "queued", "subscriber", "wants")

    def __init__(self, log: "LiveLog", subscriber: EventSubscriber, position: int) -> None:
        self._log = log
        self.subscriber = subscriber
        self.position = position
        self.page: Sequence[RecordedEvent] | None = None
        self.queued = False
        self.wants = True

    def resume(self) -> None:
        if self in self._log.attachments:
            self.wants = True
            self._log.look(self)

    def detach(self) -> None:
        self.wants = False
        self._log.leave(self)

    def lose(self) -> None:
        """It can't go on, and its subscriber is told so."""
        self.detach()
        self.subscriber.lost()


class LiveLog:
    """One user's log, as long as somebody follows it on this node.

    A wake-up queues every attachment that wants more; they are served in turn, a burst in each turn
    of the event loop, so that many of them don't hold up the rest of the node. One that is behind
    queues up again at the end.
    """

    __slots__ = (
        "_due",
        "_fresh",
        "_left",
        "_loop",
        "_next_page",
        "_read",
        "attachments",
        "end",
        "heard",
        "stop_listening",
        "user_id",
    )

    def __init__(
        self, user_id: UserId, next_page: NextPage, left: Callable[["LiveLog"], None]
    ) -> None:
        self.user_id = user_id
        self.attachments: set[LiveAttachment] = set()
        self.end = 0
        self.heard = 1
        self.stop_listening: Callable[[], None] = lambda: None
        self._next_page = next_page
        self._left = left
        self._read = 0
        self._fresh = False
        self._due: deque[LiveAttachment] | None = None
        self._loop = asyncio.get_running_loop()

    def enter(self, subscriber: EventSubscriber, position: int) -> LiveAttachment:
        attachment = LiveAttachment(self, subscriber, position)
        self.attachments.add(attachment)
        self.look(attachment)
        return attachment

    def leave(self, attachment: LiveAttachment) -> None:
        if attachment in self.attachments:
            self.attachments.remove(attachment)
            if not self.attachments:
                self._left(self)

    def look(self, attachment: LiveAttachment) -> None:
        """Serves it soon, if it wants anything."""
        if attachment.queued or not attachment.wants:
            return
        attachment.queued = True
        if self._due is None:
            self._due = deque()
            self._loop.call_soon(self._serve)
        self._due.append(attachment)

    @property
    def stale(self) -> bool:
        """Whether a wake-up came after the last read to the end had begun."""
        return self._read < self.heard

    @property
    def unannounced(self) -> bool:
        """Whether this node appended something, and no wake-up has followed yet."""
        return self._fresh

    def committed(self, position: int) -> None:
        """This node appended it: the wake-up that follows says nothing new."""
        if position > self.end:
            self.end = position
            self._fresh = True

    def wake(self) -> None:
        if self._fresh:
            self._fresh = False
            self._look_all()
        else:
            self.outdated()

    def outdated(self) -> None:
        self.heard += 1
        self._look_all()

    def read_to_end(self, end: int, heard: int) -> None:
        """A read that began when `heard` wake-ups had come reached the end of the log."""
        self._read = max(self._read, heard)
        if end > self.end:
            self.end = end
            self._look_all()

    def _look_all(self) -> None:
        for attachment in self.attachments:
            self.look(attachment)

    def _serve(self) -> None:
        due = self._due
        if due is None:
            return
        left = BURST
        while due and left > 0:
            attachment = due.popleft()
            attachment.queued = False
            if attachment.wants:
                left -= 1 + self._deliver(attachment, left)
        if due:
            self._loop.call_soon(self._serve)
        else:
            self._due = None

    def _deliver(self, attachment: LiveAttachment, most: int) -> int:
        """Delivers what there is, up to `most` events; returns how many."""
        page, attachment.page = attachment.page, None
        if not page and (attachment.position != self.end or self.stale):
            page = self._next_page(self, attachment)
        if not page:
            return 0
        if len(page) > most:
            attachment.page, page = page[most:], page[:most]
        attachment.position = page[-1].position
        attachment.wants = _delivered(attachment, page) and attachment.wants
        if attachment.page or attachment.position != self.end or self.stale:
            self.look(attachment)
        return len(page)


def _delivered(attachment: LiveAttachment, page: Sequence[RecordedEvent]) -> bool:
    """A fault of one subscriber ends it, so that it misses nothing unnoticed, and nobody else."""
    try:
        return attachment.subscriber.deliver(page)
    except Exception:
        log.exception("delivery_failed")
        attachment.lose()
        return False
