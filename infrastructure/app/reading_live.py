"""The parts that deliver events while they happen."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from domain.events import RecordedEvent
from domain.ports import EventLog
from infrastructure import adapters
from infrastructure.live.event_feed import LiveEventFeed
from infrastructure.live.event_tail import EventTail
from infrastructure.live.log_reader import LogReader
from infrastructure.live.wake_ups import WakeUps
from infrastructure.observability.metrics import Metrics
from infrastructure.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveReading:
    """One node's feed, and its way to the other nodes."""

    feed: LiveEventFeed
    wake_ups: WakeUps
    metrics: Metrics

    def committed(self, recorded: Sequence[RecordedEvent]) -> None:
        """Delivers what this node committed; other nodes are told to read it."""
        self.metrics.batch_committed(len(recorded))
        self.feed.committed(recorded)
        self.wake_ups.send({item.event.user_id for item in recorded})

    def degraded(self) -> Sequence[str]:
        """What a health check names while other nodes' events come late, with the sweep."""
        return [] if self.wake_ups.healthy else ["wake_ups"]


@asynccontextmanager
async def reading_live(
    settings: Settings, log: EventLog, metrics: Metrics
) -> AsyncIterator[LiveReading]:
    """Feed and wake-ups, running."""
    reads = LogReader(log, connections=settings.database_pool_size)
    async with adapters.wake_ups(settings, metrics) as wake_ups, reads as reader:
        feed = LiveEventFeed(reader, EventTail(), wake_ups)
        yield LiveReading(feed=feed, wake_ups=wake_ups, metrics=metrics)
