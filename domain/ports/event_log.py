"""Where events are recorded, and read in their order."""

from collections.abc import Sequence
from typing import Protocol

from domain.events import EventCursor, ProviderEvent, RecordedEvent
from domain.identifiers import AttemptId, BatchId, ConnectionId, EventId, UserId
from domain.ports.pages import Page, PageRequest


class EventBus(Protocol):
    """Where events that change no connection are recorded."""

    async def publish(self, event: ProviderEvent) -> RecordedEvent:
        """Durable when it returns. `Attempted` opens its attempt, an outcome closes it.

        Raises `AttemptClosed` (an outcome whose attempt isn't open) or `StorageError`, and then
        nothing was written. When it is cancelled, the write may still happen, or not.
        """

    async def publish_all(self, events: Sequence[ProviderEvent]) -> Sequence[RecordedEvent]:
        """All of one user's events, in one commit, or none of them. Otherwise as `publish`.

        Raises `AttemptRecorded` as well, when the log has one of the attempts that they begin.
        """

    async def of_attempt(self, attempt_id: AttemptId) -> Sequence[RecordedEvent]:
        """What the attempt recorded, its beginning first. Raises `StorageError`."""


class EventLog(Protocol):
    """One user's events, in the order in which they became visible.

    Positions start at 1 and have no gaps. An append holds the user's head until it commits, so a
    reader who has seen position `n` never finds a new event at or below `n` later. Every method
    raises `StorageError` when the database can't be read; a standby that lacks a cursor's event
    counts as that, since it may only be behind.
    """

    async def read(self, after: EventCursor, limit: int) -> Sequence[RecordedEvent]:
        """Up to `limit` events after a cursor, in order.

        Raises `LogReplaced` when the event at the cursor's position is not the cursor's event.
        """

    async def page(
        self, user_id: UserId, request: PageRequest[int], connection_id: ConnectionId | None = None
    ) -> Page[RecordedEvent]:
        """History by position; only one connection's events when it is given."""

    async def head(self, user_id: UserId) -> EventCursor:
        """After the last event; position 0 when there is none."""

    async def holds(self, cursor: EventCursor) -> bool:
        """Whether the event at the cursor's position is the cursor's event (always at 0)."""

    async def find(self, user_id: UserId, event_id: EventId) -> RecordedEvent | None:
        """The user's event with this id."""


class BatchLog(Protocol):
    """What the log has of commands that were asked for together."""

    async def of_batch(self, user_id: UserId, batch_id: BatchId) -> Sequence[RecordedEvent]:
        """The user's attempts of a batch and their outcomes, in order. Raises `StorageError`."""

    async def head(self, user_id: UserId) -> EventCursor:
        """As `EventLog.head`."""
