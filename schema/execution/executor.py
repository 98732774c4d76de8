"""Runs operations on graphql-core."""

import weakref
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from inspect import isawaitable
from typing import Any, Generic, Protocol, TypeAlias, cast

import orjson
from graphql import (
    ExecutionResult,
    Executor,
    GraphQLInputObjectType,
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
from schema.execution.plans import IS_COROUTINE, NO_HELPERS, Plan, PlannedCall, Resolved

Variables: TypeAlias = Mapping[str, Any]


class OperationContext(Protocol):
    """What resolvers get of an operation; each schema has its own."""

    failures: list[str]
    """Codes of results that are expected failures, for the access log."""


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

    def input_names(self) -> frozenset[str]:
        """Of the members that its inputs have."""
        types = self.schema.type_map.values()
        inputs = [type_ for type_ in types if isinstance(type_, GraphQLInputObjectType)]
        return frozenset(name for each in inputs for name in each.fields)


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
        run = self._prepared(operation, variables, context)
        try:
            if operation.type is OperationType.QUERY and self._schema.preload:
                await self._preload(operation, context)
            result = await run()
        except Exception as error:  # noqa: BLE001 (masked and logged)
            return ExecutionResult(None, [self._masking.unexpected(error)]), ()
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

    def _prepared(
        self, operation: Operation, variables: Variables, context: OperationContext
    ) -> Callable[[], Awaitable[ExecutionResult]]:
        """What runs the operation. Raises `Refused`."""
        executor = partial(self._executor, operation, variables, context)
        if operation.plan is not None:
            call = operation.plan.call(variables, context)
            if call is not None:
                return partial(_run_plan, operation.plan, call, executor)
        return partial(_run, executor())

    async def _preload(self, operation: Operation, context: OperationContext) -> None:
        for name, load in self._schema.preload.items():
            if name in operation.root_fields:
                await load(context)

    def _executor(
        self,
        operation: Operation,
        variables: Variables,
        context: OperationContext | None,
        *,
        root_value: object = None,
        root_field: Resolved | None = None,
    ) -> Executor[Any]:
        executor = Executor.build(
            self._schema.schema,
            operation.document,
            root_value=root_value,
            context_value=context,
            raw_variable_values=dict(variables),
            operation_name=operation.name,
            middleware=None if root_field is None else [root_field],
            is_awaitable=IS_COROUTINE,
            hide_suggestions=self._hide_suggestions,
        )
        if isinstance(executor, list):
            raise Refused(*self._masking.bad_variables(executor))
        executor.async_helpers = NO_HELPERS
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
        event = self._schema.render_event(recorded)
        return self._executor(operation, variables, None, root_value=event)


async def _run(executor: Executor[OperationContext]) -> ExecutionResult:
    outcome = executor.execute_operation()
    if isawaitable(outcome):
        outcome = await outcome
    return cast("ExecutionResult", outcome)  # the schema has no @defer and no @stream


async def _run_plan(
    plan: Plan, call: PlannedCall, executor: Callable[..., Executor[OperationContext]]
) -> ExecutionResult:
    """graphql-core completes what isn't as the schema says, and makes the errors."""
    failures: list[str] = call.info.context.failures
    try:
        outcome = await plan.resolve(call)
    except Exception as error:  # noqa: BLE001 (graphql-core locates it)
        outcome = error
    else:
        try:
            return ExecutionResult(plan.data(outcome, failures))
        except Exception:  # noqa: BLE001 (graphql-core completes it)
            failures.clear()
    return await _run(executor(root_field=Resolved(outcome)))
