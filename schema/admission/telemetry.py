"""What the GraphQL layer reports for operators to see."""

from datetime import datetime
from typing import Protocol


class Telemetry(Protocol):
    """Numbers about a running node. No method blocks or raises."""

    def subscription_started(self, transport: str) -> None:
        """`transport` is `websocket`, `sse` or `multipart`."""

    def subscription_ended(self, transport: str) -> None:
        """Once for each that started."""

    def event_sent(self, occurred_at: datetime) -> None:
        """A frame with this event was handed to a client's socket."""

    def limit_hit(self, limit: str) -> None:
        """Something was refused or ended for being too much; `limit` is the limit's name."""
