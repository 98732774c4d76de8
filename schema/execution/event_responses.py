"""The responses to a subscription's events, made once for all who get the same bytes."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol, cast
from uuid import UUID

from graphql import ExecutionResult, Executor, execute_subscription_event

from domain.events import EventCursor, RecordedEvent
from domain.ports import Attachment, EventSubscriber
from schema.execution.encoding import encode
from schema.execution.masking import Masking

KEPT_BYTES = 4 * 1024 * 1024
"""Of responses. Clients choose how long one is, so counting them would bound nothing."""


class ResponseCache:
    """The latest responses of this process, for all users; the oldest go first."""

    def __init__(self, kept: int = KEPT_BYTES) -> None:
        self._kept = kept
        self.size = 0
        self._responses: OrderedDict[tuple[int, UUID], bytes] = OrderedDict()
        self._selections = 0
        self.get = self._responses.get

    def new_selection(self) -> int:
        """A number for one selection, never given again."""
        self._selections += 1
        return self._selections

    def put(self, key: tuple[int, UUID], response: bytes) -> None:
        """Keeps the response to an event of a selection."""
        self._responses[key] = response
        self.size += len(response)
        while self.size > self._kept:
            _, dropped = self._responses.popitem(last=False)
            self.size -= len(dropped)


class EventResponses:
    """One selection's responses. Every event belongs to one user, so users can share them."""

    __slots__ = ("__weakref__", "_cache", "_executor", "_masking", "_selection")

    def __init__(
        self,
        executor: Callable[[RecordedEvent], Executor[object]],
        masking: Masking,
        cache: ResponseCache,
    ) -> None:
        self._executor = executor
        self._masking = masking
        self._cache = cache
        self._selection = cache.new_selection()

    def response(self, recorded: RecordedEvent) -> bytes:
        """The response to this event, as JSON."""
        key = (self._selection, recorded.event.id)
        response = self._cache.get(key)
        if response is None:
            response = self._execute(recorded)
            self._cache.put(key, response)
        return response

    def _execute(self, recorded: RecordedEvent) -> bytes:
        # A new executor for each event: copies (`build_per_event_executor`) share a memo that grows
        # by an entry an event, for as long as the selection has a subscriber.
        executor = self._executor(recorded)
        # No field of an event has an async resolver, so the result is never awaitable.
        result = cast("ExecutionResult", execute_subscription_event(executor))
        if result.errors:
            result.errors = self._masking.mask(result.errors)
        return encode(result)


class EventSource(Protocol):
    """What a subscription field returns: events of one user's log, after a cursor."""

    @property
    def after(self) -> EventCursor:
        """Where it starts."""

    def attach(self, subscriber: EventSubscriber, /) -> Attachment:
        """Tells `subscriber` all events of the user after the start, wanted or not."""

    def wants(self, recorded: RecordedEvent, /) -> bool:
        """Whether an event is one of those that were asked for."""
