"""The responses to a subscription's events, made once for all who get the same bytes."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from graphql import ExecutionResult, Executor, execute_subscription_event

from domain.events import RecordedEvent
from domain.ports import Attachment, EventSubscriber
from schema.execution.encoding import encode
from schema.execution.masking import Masking
from schema.viewer.context import Context, Services
from schema.viewer.subscription import EventStream
from schema.viewer.types import to_graphql

KEPT_BYTES = 4 * 1024 * 1024
"""Of responses. Clients choose how long one is, so counting them would bound nothing."""


class PayloadCache:
    """The latest responses of this process, whoever asked for them; the oldest go first."""

    def __init__(self, kept: int = KEPT_BYTES) -> None:
        self._kept = kept
        self.size = 0
        self._payloads: OrderedDict[tuple[int, UUID], bytes] = OrderedDict()
        self._selections = 0
        self.get = self._payloads.get

    def new_selection(self) -> int:
        """A number for one selection, never given again."""
        self._selections += 1
        return self._selections

    def put(self, key: tuple[int, UUID], payload: bytes) -> None:
        """Keeps the response to an event of a selection."""
        self._payloads[key] = payload
        self.size += len(payload)
        while self.size > self._kept:
            _, dropped = self._payloads.popitem(last=False)
            self.size -= len(dropped)


class SharedPayloads:
    """One selection's responses. Every event belongs to one user, so users can share it."""

    __slots__ = ("__weakref__", "_cache", "_executor", "_masking", "_selection", "_services")

    def __init__(
        self,
        executor: Callable[[Context, object], Executor[Any]],
        services: Services,
        masking: Masking,
        cache: PayloadCache,
    ) -> None:
        """`executor` makes one for a context and a root value."""
        self._executor = executor
        self._services = services
        self._masking = masking
        self._cache = cache
        self._selection = cache.new_selection()

    def payload(self, recorded: RecordedEvent) -> bytes:
        """The response to this event, as JSON."""
        key = (self._selection, recorded.event.id)
        payload = self._cache.get(key)
        if payload is None:
            payload = self._execute(recorded)
            self._cache.put(key, payload)
        return payload

    def _execute(self, recorded: RecordedEvent) -> bytes:
        context = Context(viewer_id=recorded.event.user_id, services=self._services)
        # A new one for each event: copies (`build_per_event_executor`) share a memo that grows by
        # an entry an event, for as long as anybody is subscribed.
        executor = self._executor(context, to_graphql(recorded))
        # No field of an event has an async resolver, so the result is never awaitable.
        result = cast("ExecutionResult", execute_subscription_event(executor))
        if result.errors:
            result.errors = self._masking.mask(result.errors)
        return encode(result)


@dataclass(frozen=True, slots=True)
class Payloads:
    """A started subscription: a subscriber asks `shared` for the payloads of the events which
    `source` wants.
    """

    source: EventStream
    shared: SharedPayloads

    def attach(self, subscriber: EventSubscriber) -> Attachment:
        """Tells `subscriber` all events of the viewer after the start, wanted or not."""
        return self.source.feed.attach(self.source.after, subscriber)
