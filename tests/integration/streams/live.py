"""A wire whose subscriptions are fed as in production, on a world in memory."""

from domain.events import RecordedEvent
from domain.identifiers import UserId
from infrastructure.live.event_feed import LiveEventFeed
from infrastructure.live.event_tail import EventTail
from infrastructure.live.log_reader import LogReader
from infrastructure.observability.access_log import JsonAccessLog
from schema.asgi import WireSettings
from tests.support.fakes.events import InMemoryEventLog
from tests.support.fakes.world import World
from tests.support.logs import recorded
from tests.support.woken import ManualWakeUps
from tests.unit.schema.wire import Wire


class LiveWire(Wire):
    """One node."""

    def __init__(self, settings: WireSettings | None = None) -> None:
        self.wake_ups = ManualWakeUps()
        silent = JsonAccessLog(level="critical")
        super().__init__(settings, feed=self._live_feed, access_log=silent)

    @property
    def registered(self) -> int:
        """Users whose wake-ups are waited for."""
        return len(self.wake_ups.listeners)

    def grow(self, user_id: UserId, by: int) -> None:
        """This node commits so many events of a user."""
        log = self.world.logs[user_id]
        for _ in range(by):
            event = recorded(user_id, len(log) + 1, log[-1] if log else None)
            log.append(event)
            self._committed(event)

    def _live_feed(self, world: World) -> LiveEventFeed:
        reader = LogReader(InMemoryEventLog(world))
        self.feed = LiveEventFeed(reader, EventTail(), self.wake_ups)
        world.on_recorded = self._committed
        return self.feed

    def _committed(self, event: RecordedEvent) -> None:
        self.feed.committed((event,))
