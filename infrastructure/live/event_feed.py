"""Reading users' logs live."""

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.events import RecordedEvent
from domain.identifiers import UserId
from domain.ports import Attachment, EventLog, EventSubscriber, StorageError
from infrastructure.live.event_tail import EventTail
from infrastructure.live.user_feed import LiveAttachment, LiveLog
from infrastructure.live.wake_ups import WakeUps
from infrastructure.retry import end_task

PAGE_SIZE = 200
PATIENCE = 30.0
FIRST_RETRY = 0.05
LONGEST_RETRY = 2.0


class LiveEventFeed:
    """The `EventFeed` of one node.

    A subscription registers, looks for events after its position, delivers them, and looks again
    when it is woken; registered before its first look, so nothing can come between. What this node
    committed or read lately comes from the tail, the rest from the log in one shared read for all
    who stand at the same position. A wake-up only says that the log may have grown, so a lost one
    costs time (until the next sweep) and a doubled one costs a read.
    """

    def __init__(
        self,
        log: EventLog,
        tail: EventTail,
        wake_ups: WakeUps,
        *,
        page_size: int = PAGE_SIZE,
        patience: float = PATIENCE,
    ) -> None:
        self._log = log
        self._tail = tail
        self._wake_ups = wake_ups
        self._page_size = page_size
        self._patience = patience
        self._live: dict[UserId, LiveLog] = {}
        self._reads: dict[tuple[LiveLog, int], _Read] = {}

    def attach(self, user_id: UserId, after: int, subscriber: EventSubscriber) -> Attachment:
        """See `EventFeed.attach`. Retries a log that can't be read for `patience` seconds."""
        live = self._live.get(user_id) or self._enter(user_id)
        return live.enter(subscriber, after)

    def committed(self, events: Sequence[RecordedEvent]) -> None:
        """Takes in what this node has committed; to be called before the wake-ups are sent."""
        for recorded in events:
            user_id = recorded.event.user_id
            live = self._live.get(user_id)
            if live is not None:
                self._tail.extend(user_id, (recorded,))
                live.committed(recorded.position)

    def heads(self) -> Mapping[UserId, int]:
        """The live users whose logs have been read to their end, and which end they were told of.

        0 for those who were not told of this node's own commits.
        """
        return {
            user_id: 0 if live.unannounced else live.end
            for user_id, live in self._live.items()
            if not live.stale
        }

    def has_grown(self, user_id: UserId, head: int) -> bool:
        """Wakes the user's readers if the log ends at `head` and they were not told of that."""
        live = self._live.get(user_id)
        if live is None or live.stale:
            return False
        if head > live.end:
            live.outdated()
        elif live.unannounced:
            live.wake()
        else:
            return False
        return True

    def lose(self, user_id: UserId) -> bool:
        """The user's log is another one now: whoever follows it here is told so."""
        live = self._live.get(user_id)
        if live is None:
            return False
        for attachment in tuple(live.attachments):
            attachment.lose()
        return True

    async def aclose(self) -> None:
        """Ends the reads that are under way."""
        await asyncio.gather(*[end_task(read.task) for read in self._reads.values()])

    def _enter(self, user_id: UserId) -> LiveLog:
        live = self._live[user_id] = LiveLog(user_id, self._next_page, self._leave)
        live.stop_listening = self._wake_ups.listen(user_id, live.wake)
        return live

    def _leave(self, live: LiveLog) -> None:
        live.stop_listening()
        del live.stop_listening  # ends a cycle
        del self._live[live.user_id]
        self._tail.forget(live.user_id)

    def _next_page(
        self, live: LiveLog, attachment: LiveAttachment
    ) -> Sequence[RecordedEvent] | None:
        page = self._tail.after(live.user_id, attachment.position, self._page_size)
        if page is None:
            self._read(live, attachment)
        return page

    def _read(self, live: LiveLog, attachment: LiveAttachment) -> None:
        # A read is for a `LiveLog`, not for a user: one that everybody left must not be joined.
        key = (live, attachment.position)
        read = self._reads.get(key)
        if read is None:
            task = asyncio.create_task(self._read_log(live, attachment.position))
            read = self._reads[key] = _Read(task, [])
            task.add_done_callback(lambda _: self._read_done(key))
        attachment.queued = True
        read.waiting.append(attachment)

    def _read_done(self, key: tuple[LiveLog, int]) -> None:
        read, live = self._reads.pop(key), key[0]
        if read.task.cancelled():
            return
        error = read.task.exception()
        for attachment in read.waiting:
            attachment.queued = False
            if error is None:
                attachment.page = read.task.result()
                live.look(attachment)
            elif attachment in live.attachments:
                attachment.lose()
        if error is not None and not isinstance(error, StorageError):
            raise error

    async def _read_log(self, live: LiveLog, after: int) -> Sequence[RecordedEvent]:
        heard, end = live.heard, live.end
        events = await self._read_patiently(live, after)
        if events[0].position != after + 1 if events else after < end:
            # Not the log that was followed until now: a backup was restored under this node.
            raise StorageError
        if self._live.get(live.user_id) is live:
            self._tail.extend(live.user_id, events)
        if len(events) < self._page_size:
            live.read_to_end(after + len(events), heard)
        return events

    async def _read_patiently(self, live: LiveLog, after: int) -> Sequence[RecordedEvent]:
        give_up_at = asyncio.get_running_loop().time() + self._patience
        for doubling in itertools.count():
            try:
                return await self._log.read(live.user_id, after, self._page_size)
            except StorageError:
                pause = min(FIRST_RETRY * 2**doubling, LONGEST_RETRY)
                late = asyncio.get_running_loop().time() + pause > give_up_at
                if late or not live.attachments:
                    raise
                await asyncio.sleep(pause)
        raise AssertionError("unreachable")


@dataclass(frozen=True, slots=True)
class _Read:
    """A look into the log, and who waits for it."""

    task: asyncio.Task[Sequence[RecordedEvent]]
    waiting: list[LiveAttachment]
