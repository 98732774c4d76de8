"""Reading users' logs live."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from uuid import UUID

from domain.events import RecordedEvent
from domain.ports import EventLog, StorageError
from infrastructure.event_tail import EventTail
from infrastructure.wake_ups import WakeUps

PAGE_SIZE = 200
PATIENCE = 30.0
FIRST_RETRY = 0.05
LONGEST_RETRY = 2.0


class LiveEventFeed:
    """The `EventFeed` of one node.

    A subscription is a loop: clear the flag, look for events after the position, yield them; when
    there are none, wait for the flag. It registers before its first look, so nothing can come
    between. What this node committed or read lately comes from the tail, the rest from the log in
    one shared read for all who stand at the same position. A wake-up only says that the log may
    have grown, so a lost one costs time (until the next sweep) and a doubled one costs a read.
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
        self._live: dict[UUID, _LiveLog] = {}
        self._reads: dict[tuple[UUID, int], asyncio.Task[Sequence[RecordedEvent]]] = {}

    async def follow(self, user_id: UUID, after: int) -> AsyncIterator[Sequence[RecordedEvent]]:
        """See `EventFeed.follow`. Retries a log that can't be read for `patience` seconds."""
        live = self._live.get(user_id) or self._enter(user_id)
        woken = asyncio.Event()
        live.flags.add(woken)
        try:
            while True:
                woken.clear()
                if live.may_hold_more_than(after):
                    page = self._tail.after(user_id, after, self._page_size)
                    if page is None:
                        page = await self._read(live, after)
                    if page:
                        after = page[-1].position
                        yield page
                else:
                    await woken.wait()
        finally:
            live.flags.discard(woken)
            if not live.flags:
                self._leave(live)

    def committed(self, events: Sequence[RecordedEvent]) -> None:
        """Takes in what this node has committed; to be called before the wake-ups are sent."""
        for recorded in events:
            user_id = recorded.event.user_id
            live = self._live.get(user_id)
            if live is not None:
                self._tail.extend(user_id, (recorded,))
                live.committed(recorded.position)

    def heads(self) -> Mapping[UUID, int]:
        """The live users whose logs have been read to their end, and where that was."""
        return {user_id: live.end for user_id, live in self._live.items() if not live.stale}

    def has_grown(self, user_id: UUID, head: int) -> bool:
        """Wakes the user's readers if the log ends at `head` and this node did not know that."""
        live = self._live.get(user_id)
        if live is None or head <= live.end or live.stale:
            return False
        live.outdated()
        return True

    async def aclose(self) -> None:
        """Ends the reads that are under way."""
        reads = tuple(self._reads.values())
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)

    def _enter(self, user_id: UUID) -> "_LiveLog":
        live = self._live[user_id] = _LiveLog(user_id)
        live.stop_listening = self._wake_ups.listen(user_id, live.wake)
        return live

    def _leave(self, live: "_LiveLog") -> None:
        live.stop_listening()
        del self._live[live.user_id]
        self._tail.forget(live.user_id)

    async def _read(self, live: "_LiveLog", after: int) -> Sequence[RecordedEvent]:
        key = (live.user_id, after)
        read = self._reads.get(key)
        if read is None:
            read = self._reads[key] = asyncio.create_task(self._read_log(live, after))
            read.add_done_callback(lambda done: self._read_done(key, done))
        # Whoever goes away must not take the others' read along.
        return await asyncio.shield(read)

    def _read_done(
        self, key: tuple[UUID, int], read: asyncio.Task[Sequence[RecordedEvent]]
    ) -> None:
        del self._reads[key]
        if not read.cancelled():
            read.exception()  # those who still wait for it get it; maybe nobody does

    async def _read_log(self, live: "_LiveLog", after: int) -> Sequence[RecordedEvent]:
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

    async def _read_patiently(self, live: "_LiveLog", after: int) -> Sequence[RecordedEvent]:
        give_up_at = asyncio.get_running_loop().time() + self._patience
        for doubling in itertools.count():
            try:
                return await self._log.read(live.user_id, after, self._page_size)
            except StorageError:
                pause = min(FIRST_RETRY * 2**doubling, LONGEST_RETRY)
                late = asyncio.get_running_loop().time() + pause > give_up_at
                if late or not live.flags:
                    raise
                await asyncio.sleep(pause)
        raise AssertionError("unreachable")


class _LiveLog:
    """What this node knows of the log of one user who has subscriptions here."""

    __slots__ = ("_fresh", "_read", "end", "flags", "heard", "stop_listening", "user_id")

    def __init__(self, user_id: UUID) -> None:
        self.user_id = user_id
        self.flags: set[asyncio.Event] = set()
        self.end = 0
        self.heard = 1
        self._read = 0
        self._fresh = False
        self.stop_listening: Callable[[], None] = lambda: None

    @property
    def stale(self) -> bool:
        """Whether a wake-up came after the last read to the end had begun."""
        return self._read < self.heard

    def may_hold_more_than(self, position: int) -> bool:
        return position != self.end or self.stale

    def committed(self, position: int) -> None:
        """This node appended it: the wake-up that follows says nothing new."""
        if position > self.end:
            self.end = position
            self._fresh = True

    def wake(self) -> None:
        if self._fresh:
            self._fresh = False
            self._set_flags()
        else:
            self.outdated()

    def outdated(self) -> None:
        self.heard += 1
        self._set_flags()

    def read_to_end(self, end: int, heard: int) -> None:
        """A read that began when `heard` wake-ups had come reached the end of the log."""
        self._read = max(self._read, heard)
        if end > self.end:
            self.end = end
            self._set_flags()

    def _set_flags(self) -> None:
        for flag in self.flags:
            flag.set()
