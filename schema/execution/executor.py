"""Runs operations: GraphQL in, response payloads out. Transports build on it."""

import weakref
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from inspect import isawaitable
from types import CoroutineType
from typing import Any, TypeAlias, TypeGuard, cast

import orjson
from graphql import (
    ExecutionResult,
    Executor,
    GraphQLResolveInfoHelpers,
    GraphQLSchema,
    OperationType,
    create_source_event_stream,
)

from domain.identifiers import UserId
from schema.admission.rate_limits import MutationRate
from schema.execution.documents import Documents, Refused
from schema.execution.event_responses import PayloadCache, Payloads, SharedPayloads
from schema.execution.masking import Masking
from schema.execution.operation import Operation
from schema.viewer.context import Context, Services
from schema.viewer.subscription import EventStream

Variables: TypeAlias = Mapping[str, Any]


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
        mutation_rate: MutationRate,
        *,
        hide_suggestions: bool,
    ) -> None:
        self._schema = schema
        self._services = services
        self._masking = masking
        self._mutation_rate = mutation_rate
        self._hide_suggestions = hide_suggestions
        self._shared: weakref.WeakValueDictionary[tuple[object, ...], SharedPayloads] = (
            weakref.WeakValueDictionary()
        )
        self._payloads = PayloadCache()
        self.operation = documents.operation

    async def execute(
        self, operation: Operation, variables: Variables | None, viewer_id: UserId
    ) -> ExecutionResult:
        """Runs a query or a mutation; raises `Refused` before anything of it is run."""
        if operation.type is OperationType.MUTATION:
            self._mutation_rate.admit(viewer_id, operation.root_fields)
        context = Context(viewer_id=viewer_id, services=self._services)
        executor = self._executor(operation, variables, context)
        try:
            if operation.wants_snapshot:
                context.snapshot = await self._services.events.head(viewer_id)
            outcome = executor.execute_operation()
            if isawaitable(outcome):
                outcome = await outcome
        except Exception as error:  # noqa: BLE001 (masked and logged)
            return ExecutionResult(None, [self._masking.unexpected(error)])
        result = cast("ExecutionResult", outcome)  # the schema has no @defer and no @stream
        if result.errors:
            result.errors = self._masking.mask(result.errors)
        return result

    def _executor(
        self,
        operation: Operation,
        variables: Variables | None,
        context: Context,
        root_value: object = None,
    ) -> Executor[Any]:
        executor = Executor.build(
            self._schema,
            operation.document,
            root_value=root_value,
            context_value=context,
            raw_variable_values=dict(variables or {}),
            operation_name=operation.name,
            is_awaitable=IS_COROUTINE,
            hide_suggestions=self._hide_suggestions,
        )
        if isinstance(executor, list):
            raise Refused(self._masking.bad_variables(executor))
        executor.async_helpers = _NO_HELPERS
        return executor

    async def subscribe(
        self,
        operation: Operation,
        variables: Variables | None,
        viewer_id: UserId,
        *,
        last_event_id: str | None = None,
    ) -> Payloads:
        """Starts a subscription; raises `Refused` before anything is sent.

        `last_event_id` is a cursor that wins over the operation's own `after` (the header of
        server-sent events).
        """
        context = Context(viewer_id=viewer_id, services=self._services, last_event_id=last_event_id)
        executor = self._executor(operation, variables, context)
        source = create_source_event_stream(executor)
        if isawaitable(source):
            source = await source
        if isinstance(source, ExecutionResult):
            raise Refused(self._masking.mask(source.errors or []))
        stream = cast("EventStream", source)  # the only subscription field gives nothing else
        return Payloads(stream, self._shared_payloads(operation, variables or {}))

    def _shared_payloads(self, operation: Operation, variables: Variables) -> SharedPayloads:
        used = {name: variables[name] for name in operation.payload_variables if name in variables}
        key = (operation.text, operation.name, orjson.dumps(used, option=orjson.OPT_SORT_KEYS))
        shared = self._shared.get(key)
        if shared is None:
            executor = partial(self._executor, operation, variables)
            shared = SharedPayloads(executor, self._services, self._masking, self._payloads)
            self._shared[key] = shared
        return shared
