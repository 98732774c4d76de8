"""One subscription on a WebSocket."""

from collections.abc import Callable, Sequence

from domain.events import RecordedEvent
from domain.ports import Attachment
from schema.admission.telemetry import Telemetry
from schema.execution.gateway import StartedSubscription
from schema.websocket.frame_sender import FrameSender
from schema.websocket.protocol import next_head

TRANSPORT = "websocket"

CHUNK = 64 * 1024
"""Bytes after which `FrameSender.full` is looked at again."""


class SocketSubscription:
    """Writes its frames as it is told of events, as many as there is room for.

    It has no task, and waits for nothing. What waits for room is events, which others have as well,
    and not frames.
    """

    __slots__ = (
        "_attachment",
        "_head",
        "_lost",
        "_response",
        "_sender",
        "_subscription",
        "_telemetry",
        "_waiting",
    )

    def __init__(
        self,
        id_: str,
        subscription: StartedSubscription,
        sender: FrameSender,
        telemetry: Telemetry,
        lost: Callable[[], None],
    ) -> None:
        self._head = next_head(id_)
        self._subscription = subscription
        self._response = subscription.response
        self._sender = sender
        self._telemetry = telemetry
        self._lost = lost
        self._waiting: Sequence[RecordedEvent] = ()
        self._attachment: Attachment | None = subscription.attach(self)
        telemetry.subscription_started(TRANSPORT)

    def deliver(self, events: Sequence[RecordedEvent], /) -> bool:
        """Sends the events that were asked for; False when the socket has no room for more."""
        wants = self._subscription.wants
        return self._send([recorded for recorded in events if wants(recorded)])

    def lost(self) -> None:
        """The log can't be followed."""
        self._lost()

    def resume(self) -> None:
        """The socket has room again."""
        waiting, self._waiting = self._waiting, ()
        if self._send(waiting) and self._attachment is not None:
            self._attachment.resume()

    def stop(self) -> None:
        """No frame after this. To be called once."""
        self._subscription.close()
        self._attachment = None  # ends a cycle
        self._telemetry.subscription_ended(TRANSPORT)

    def _send(self, events: Sequence[RecordedEvent]) -> bool:
        """False when there is no more room; what was not sent is waiting then."""
        head, response, sender = self._head, self._response, self._sender
        sent = 0
        while sent < len(events):
            if sender.full:
                self._waiting = events[sent:]
                return False
            frames, size = [], 0
            while sent < len(events) and size < CHUNK:
                frames.append(head + response(events[sent]) + b"}")
                size += len(frames[-1])
                self._telemetry.event_sent(events[sent].event.occurred_at)
                sent += 1
            sender.post(frames)
        return not sender.full
