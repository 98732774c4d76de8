"""Events as they come."""

from collections.abc import Sequence
from typing import Protocol

from domain.events import EventCursor, RecordedEvent


class EventSubscriber(Protocol):
    """Is told a user's events as they come. Both methods are called on the event loop, must not
    block, and may detach."""

    def deliver(self, events: Sequence[RecordedEvent], /) -> bool:
        """Takes the next events, never none. False: no more, until `Attachment.resume`."""

    def lost(self) -> None:
        """The log could not be read for a while, or its history was replaced. This is the end."""


class Attachment(Protocol):
    """A subscriber's place in a feed. It costs no task, and no read while nothing happens."""

    def resume(self) -> None:
        """The subscriber takes events again, from where it stopped."""

    def detach(self) -> None:
        """The subscriber is told nothing more. May be repeated."""


class EventFeed(Protocol):
    """Follows users' logs."""

    def attach(self, after: EventCursor, subscriber: EventSubscriber) -> Attachment:
        """Every event after a cursor that the log holds, in order, once, until `detach`.

        Delivers on a later turn of the event loop, never before it returns.
        """
