"""One subscription on a WebSocket."""

from collections.abc import Callable, Sequence

from domain.events import RecordedEvent
from domain.ports import Attachment
from schema.admission.telemetry import Telemetry
from schema.execution.event_responses import Payloads
from schema.websocket.frame_sender import Outbox
from schema.websocket.protocol import next_head

TRANSPORT = "websocket"

CHUNK = 64 * 1024
"""Bytes after which it is asked whether the client still reads."""


class SocketSubscription:
    """Writes its frames whenever it is told of events, as many as there is room for.

    It has no task, and waits for nothing. What waits for room is events, which others have as well,
    and not frames.
    """

    __slots__ = (
        "_attachment",
        "_head",
        "_lost",
        "_only",
        "_outbox",
        "_shared",
        "_telemetry",
        "_waiting",
    )

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
        self._waiting: Sequence[RecordedEvent] = ()
        self._attachment: Attachment = payloads.attach(self)
        telemetry.subscription_started(TRANSPORT)

    def deliver(self, events: Sequence[RecordedEvent], /) -> bool:
        """See `EventSubscriber`."""
        only = self._only
        if only is not None:
            events = [recorded for recorded in events if recorded.event.connection_id == only]
        return self._send(events)

    def lost(self) -> None:
        """See `EventSubscriber`."""
        self._lost()

    def resume(self) -> None:
        """The outbox has room again."""
        waiting, self._waiting = self._waiting, ()
        if self._send(waiting):
            self._attachment.resume()

    def stop(self) -> None:
        """No frame after this. To be called once."""
        self._attachment.detach()
        del self._attachment  # ends a cycle
        self._telemetry.subscription_ended(TRANSPORT)

    def _send(self, events: Sequence[RecordedEvent]) -> bool:
        """False when the outbox is full; what it did not take is waiting then."""
        head, payload, outbox = self._head, self._shared.payload, self._outbox
        sent = 0
        while sent < len(events):
            if outbox.full:
                self._waiting = events[sent:]
                return False
            frames, size = [], 0
            while sent < len(events) and size < CHUNK:
                frames.append(head + payload(events[sent]) + b"}")
                size += len(frames[-1])
                self._telemetry.event_sent(events[sent].event.occurred_at)
                sent += 1
            outbox.post(frames)
        return not outbox.full
