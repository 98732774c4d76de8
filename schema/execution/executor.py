"""Runs operations on graphql-core."""

import weakref
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from inspect import isawaitable
from types import CoroutineType
from typing import Any, Generic, Protocol, TypeAlias, TypeGuard, cast

import orjson
from graphql import (
    ExecutionResult,
    Executor,
    GraphQLResolveInfoHelpers,
    GraphQLSchema,
    OperationType,
    create_source_event_stream,
)

from domain.events import RecordedEvent
from domain.ports import CallerT
from schema.errors import Refused
from schema.execution.event_responses import EventResponses, EventSource, ResponseCache
from schema.execution.masking import Masking
from schema.execution.operations import Operation

Variables: TypeAlias = Mapping[str, Any]


class OperationContext(Protocol):
    """What resolvers get of an operation; each schema has its own."""

    failures: list[str]
    """Codes of results that are expected failures, for the access log."""


IS_COROUTINE = cast("Callable[[Any], TypeGuard[Awaitable[Any]]]", CoroutineType.__instancecheck__)
"""`isinstance` without a Python frame: resolvers return nothing else that is awaited, and each
value of a response is looked at.
"""


def _unused(_: object) -> Any:  # noqa: ANN401 (as graphql-core has it)
    raise NotImplementedError("no resolver tracks work of its own")


_NO_HELPERS = GraphQLResolveInfoHelpers(gather=_unused, track=_unused)
"""An executor's own point back at it: an operation's hundred objects would be left to the cyclic
collector, whose pauses grow with the number of open sockets.
"""


def _authorize_all(_root_fields: Sequence[str], _caller: object) -> None:
    """Every caller may run every operation."""


def _render_nothing(_recorded: RecordedEvent) -> object:
    raise NotImplementedError("this schema has no subscription")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutableSchema(Generic[CallerT]):
    """A schema, and what running its operations needs to know of it.

    - `context_for` makes the resolvers' context from the caller and, for a subscription that is
      resumed by its transport, the cursor's text.
    - `render_event` makes the value of a subscription field from an event.
    - `preload` maps root query fields to what is read before any root field resolves.
    - `authorize` raises `Refused` when the caller may not run an operation with these root fields.
    """

    schema: GraphQLSchema
    context_for: Callable[[CallerT, str | None], OperationContext]
    render_event: Callable[[RecordedEvent], object] = _render_nothing
    preload: Mapping[str, Callable[[Any], Awaitable[None]]] = field(default_factory=dict)
    authorize: Callable[[Sequence[str], CallerT], None] = _authorize_all


class SchemaExecutor(Generic[CallerT]):
    """Executes one schema's operations.

    Every error that leaves here has a stable code, and none has an exception's text.
    """

    def __init__(
        self, schema: ExecutableSchema[CallerT], masking: Masking, *, hide_suggestions: bool
    ) -> None:
        self._schema = schema
        self._masking = masking
        self._hide_suggestions = hide_suggestions
        self._shared: weakref.WeakValueDictionary[tuple[object, ...], EventResponses] = (
            weakref.WeakValueDictionary()
        )
        self._responses = ResponseCache()

    async def execute(
        self, operation: Operation, variables: Variables, caller: CallerT
    ) -> tuple[ExecutionResult, Sequence[str]]:
        """Runs a query or a mutation; its result, and the codes of failures that are data.

        Raises `Refused` before anything of it is run.
        """
        context = self._schema.context_for(caller, None)
        executor = self._executor(operation, variables, context)
        try:
            if operation.type is OperationType.QUERY and self._schema.preload:
                await self._preload(operation, context)
            outcome = executor.execute_operation()
            if isawaitable(outcome):
                outcome = await outcome
        except Exception as error:  # noqa: BLE001 (masked and logged)
            return ExecutionResult(None, [self._masking.unexpected(error)]), ()
        result = cast("ExecutionResult", outcome)  # the schema has no @defer and no @stream
        if result.errors:
            result.errors = self._masking.mask(result.errors)
        return result, context.failures

    async def subscribe(
        self,
        operation: Operation,
        variables: Variables,
        caller: CallerT,
        resume_after: str | None,
    ) -> tuple[EventSource, EventResponses]:
        """Where a subscription's events come from, and the responses to them.

        Raises `Refused` before anything is sent.
        """
        context = self._schema.context_for(caller, resume_after)
        executor = self._executor(operation, variables, context)
        source = create_source_event_stream(executor)
        if isawaitable(source):
            source = await source
        if isinstance(source, ExecutionResult):
            raise Refused(*self._masking.mask(source.errors or []))
        return cast("EventSource", source), self._event_responses(operation, variables)

    async def _preload(self, operation: Operation, context: OperationContext) -> None:
        for name, load in self._schema.preload.items():
            if name in operation.root_fields:
                await load(context)

    def _executor(
        self,
        operation: Operation,
        variables: Variables,
        context: OperationContext | None,
        root_value: object = None,
    ) -> Executor[Any]:
        executor = Executor.build(
            self._schema.schema,
            operation.document,
            root_value=root_value,
            context_value=context,
            raw_variable_values=dict(variables),
            operation_name=operation.name,
            is_awaitable=IS_COROUTINE,
            hide_suggestions=self._hide_suggestions,
        )
        if isinstance(executor, list):
            raise Refused(*self._masking.bad_variables(executor))
        executor.async_helpers = _NO_HELPERS
        return executor

    def _event_responses(self, operation: Operation, variables: Variables) -> EventResponses:
        used = {n: variables[n] for n in operation.response_variables if n in variables}
        key = (operation.text, operation.name, orjson.dumps(used, option=orjson.OPT_SORT_KEYS))
        responses = self._shared.get(key)
        if responses is None:
            # Undeclared variables, which may be large, are not kept.
            declared = {n: variables[n] for n in operation.variables if n in variables}
            executor = partial(self._event_executor, operation, declared)
            responses = EventResponses(executor, self._masking, self._responses)
            self._shared[key] = responses
        return responses

    def _event_executor(
        self, operation: Operation, variables: Variables, recorded: RecordedEvent
    ) -> Executor[Any]:
        return self._executor(operation, variables, None, self._schema.render_event(recorded))
