"""One subscription on a WebSocket."""

from collections.abc import Callable, Sequence

from domain.events import RecordedEvent
from domain.ports import Attachment
from schema.outbox import Outbox
from schema.payloads import Payloads
from schema.telemetry import Telemetry
from schema.transport_ws import next_head

TRANSPORT = "websocket"


class SocketSubscription:
    """Writes its frames whenever it is told of events. It has no task, and waits for nothing."""

    __slots__ = ("_attachment", "_head", "_lost", "_only", "_outbox", "_shared", "_telemetry")

    def __init__(
        self,
        id_: str,
        payloads: Payloads,
        outbox: Outbox,
        telemetry: Telemetry,
        lost: Callable[[], None],
    ) -> None:
        self._head = next_head(id_)
        self._shared = payloads.shared
        self._only = payloads.source.connection_id
        self._outbox = outbox
        self._telemetry = telemetry
        self._lost = lost
        self._attachment: Attachment = payloads.attach(self)
        telemetry.subscription_started(TRANSPORT)

    def deliver(self, events: Sequence[RecordedEvent], /) -> bool:
        """See `EventSubscriber`."""
        head, payload, only = self._head, self._shared.payload, self._only
        wanted = [r for r in events if only is None or r.event.connection_id == only]
        self._outbox.post([head + payload(recorded) + b"}" for recorded in wanted])
        for recorded in wanted:
            self._telemetry.event_sent(recorded.event.occurred_at)
        return not self._outbox.full

    def lost(self) -> None:
        """See `EventSubscriber`."""
        self._lost()

    def resume(self) -> None:
        """The outbox has room again."""
        self._attachment.resume()

    def stop(self) -> None:
        """No frame after this. To be called once."""
        self._attachment.detach()
        self._telemetry.subscription_ended(TRANSPORT)
