"""A wire whose subscriptions are fed as in production, on a world in memory."""

import structlog

from domain.events import RecordedEvent
from domain.identifiers import UserId
from infrastructure.live.event_feed import LiveEventFeed
from infrastructure.live.event_tail import EventTail
from infrastructure.live.wake_ups import InProcessWakeUps
from schema.asgi import WireSettings
from tests.support.fakes import InMemoryEventLog, World
from tests.unit.infrastructure.observability.logs import recorded
from tests.unit.schema.wire import Wire


class LiveWire(Wire):
    """One node."""

    def __init__(self, settings: WireSettings | None = None) -> None:
        self.wake_ups = InProcessWakeUps()
        silent = structlog.wrap_logger(structlog.ReturnLogger())
        super().__init__(settings, feed=self._live_feed, logger=silent)

    @property
    def registered(self) -> int:
        """Users whose wake-ups somebody waits for."""
        return len(self.wake_ups._listeners)

    def grow(self, user_id: UserId, by: int) -> None:
        """This node commits so many events of a user."""
        log = self.world.logs[user_id]
        for _ in range(by):
            event = recorded(user_id, len(log) + 1)
            log.append(event)
            self._committed(event)

    def _live_feed(self, world: World) -> LiveEventFeed:
        self.feed = LiveEventFeed(InMemoryEventLog(world), EventTail(), self.wake_ups)
        world.on_recorded = self._committed
        return self.feed

    def _committed(self, event: RecordedEvent) -> None:
        self.feed.committed((event,))
        self.wake_ups.send([event.event.user_id])
