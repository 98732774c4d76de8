"""Runs operations: GraphQL in, response payloads out. Transports build on it."""

import weakref
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, TypeAlias, cast
from uuid import UUID

import orjson
from graphql import (
    ExecutionResult,
    Executor,
    GraphQLSchema,
    create_source_event_stream,
    execute,
    execute_subscription_event,
    located_error,
)

from domain.events import RecordedEvent
from schema.context import Context, Services
from schema.documents import Documents, Operation, Refused
from schema.masking import Masking
from schema.subscription import EventStream
from schema.types import to_graphql

Variables: TypeAlias = Mapping[str, Any]

KEPT_PAYLOADS = 256


class Operations:
    """Executes the schema's operations for a viewer.

    Every error that leaves here has a stable code, and none has an exception's text.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        services: Services,
        documents: Documents,
        masking: Masking,
        *,
        hide_suggestions: bool = False,
    ) -> None:
        self._schema = schema
        self._services = services
        self._masking = masking
        self._hide_suggestions = hide_suggestions
        self._shared: weakref.WeakValueDictionary[tuple[object, ...], SharedPayloads] = (
            weakref.WeakValueDictionary()
        )
        self.operation = documents.operation

    async def execute(
        self, operation: Operation, variables: Variables | None, viewer_id: UUID
    ) -> ExecutionResult:
        """Runs a query or a mutation. Never raises."""
        context = Context(viewer_id=viewer_id, services=self._services)
        try:
            if operation.wants_snapshot:
                context.snapshot = await self._services.events.head(viewer_id)
            result = execute(
                self._schema,
                operation.document,
                context_value=context,
                variable_values=dict(variables or {}),
                operation_name=operation.name,
                hide_suggestions=self._hide_suggestions,
            )
            if isawaitable(result):
                result = await result
        except Exception as error:  # noqa: BLE001 (masked and logged)
            result = ExecutionResult(None, [located_error(error)])
        if result.errors:
            result.errors = self._masking.mask(result.errors)
        return result

    async def subscribe(
        self,
        operation: Operation,
        variables: Variables | None,
        viewer_id: UUID,
        *,
        last_event_id: str | None = None,
    ) -> "Payloads":
        """Starts a subscription; raises `Refused` before anything is sent.

        `last_event_id` is a cursor that wins over the operation's own `after` (the header of
        server-sent events).
        """
        context = Context(viewer_id=viewer_id, services=self._services, last_event_id=last_event_id)
        executor = Executor.build(
            self._schema,
            operation.document,
            context_value=context,
            raw_variable_values=dict(variables or {}),
            operation_name=operation.name,
            hide_suggestions=self._hide_suggestions,
        )
        if isinstance(executor, list):
            raise Refused(self._masking.mask(executor))
        source = create_source_event_stream(executor)
        if isawaitable(source):
            source = await source
        if isinstance(source, ExecutionResult):
            raise Refused(self._masking.mask(source.errors or []))
        stream = cast("EventStream", source)  # the only subscription field gives nothing else
        return Payloads(stream, self._shared_payloads(operation, variables, viewer_id, executor))

    def _shared_payloads(
        self,
        operation: Operation,
        variables: Variables | None,
        viewer_id: UUID,
        executor: Executor[Any],
    ) -> "SharedPayloads":
        used = {name: (variables or {}).get(name) for name in sorted(operation.payload_variables)}
        key = (viewer_id, operation.text, operation.name, orjson.dumps(used))
        shared = self._shared.get(key)
        if shared is None:
            shared = self._shared[key] = SharedPayloads(executor, self._masking)
        return shared


class SharedPayloads:
    """One selection's responses, executed and encoded once for all who get the same bytes.

    Keeps the latest few; alive as long as a subscription uses it.
    """

    __slots__ = ("__weakref__", "_executor", "_masking", "_payloads")

    def __init__(self, executor: Executor[Any], masking: Masking) -> None:
        self._executor = executor
        self._masking = masking
        self._payloads: dict[UUID, bytes] = {}

    async def payload(self, recorded: RecordedEvent) -> bytes:
        """The response to this event, as JSON."""
        event_id = recorded.event.id
        payload = self._payloads.get(event_id)
        if payload is None:
            payload = self._payloads[event_id] = await self._execute(recorded)
            if len(self._payloads) > KEPT_PAYLOADS:
                del self._payloads[next(iter(self._payloads))]
        return payload

    async def _execute(self, recorded: RecordedEvent) -> bytes:
        executor = self._executor.build_per_event_executor(to_graphql(recorded))
        result = execute_subscription_event(executor)
        if isawaitable(result):
            result = await result
        if result.errors:
            result.errors = self._masking.mask(result.errors)
        return encode(result)


@dataclass(frozen=True, slots=True)
class Payloads:
    """A started subscription: its events, each with the response to it."""

    source: EventStream
    shared: SharedPayloads

    async def __aiter__(self) -> AsyncIterator[tuple[RecordedEvent, bytes]]:
        async for recorded in self.source:
            yield recorded, await self.shared.payload(recorded)


def encode(result: ExecutionResult) -> bytes:
    """A result as GraphQL's response format (specification, section 7.1)."""
    return orjson.dumps(result.formatted)
