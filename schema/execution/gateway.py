"""The path of every request, from its token to its response; one gateway per schema.

What stays outside is each transport's own: parsing, statuses, close codes, origins and framing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Generic

from graphql import GraphQLError, OperationType

from domain.ports import AccessToken, AccessTokens, Attachment, CallerT, EventSubscriber
from schema.admission.access_log import AccessLog
from schema.admission.authentication import authenticate
from schema.admission.connection_limits import SelectionLimiter
from schema.admission.rate_limits import CallerRate
from schema.errors import outcome_of
from schema.execution.documents import Documents
from schema.execution.encoding import encode
from schema.execution.event_responses import EventResponses, EventSource
from schema.execution.executor import ExecutableSchema, SchemaExecutor, Variables
from schema.execution.masking import Masking
from schema.execution.operations import Operation
from schema.execution.request import GraphQLRequest


@dataclass(slots=True, kw_only=True)
class Call(Generic[CallerT]):
    """One request, as far as it is known; the access log tells of it.

    `errors` are as the client saw them, `failures` the codes of results that are data. `prepared`
    is the operation with its variables, until it has started.
    """

    request_id: str
    transport: str
    token: AccessToken[CallerT] | None = None
    name: str | None = None
    type: OperationType | None = None
    prepared: tuple[Operation, Variables] | None = None
    errors: Sequence[GraphQLError] | None = None
    failures: Sequence[str] = ()
    started: float = field(default_factory=perf_counter)


@dataclass(frozen=True, slots=True)
class Response:
    """An encoded response, and its errors as the client sees them."""

    body: bytes
    errors: Sequence[GraphQLError] | None


class StartedSubscription:
    """A subscription that a transport follows. It has no task."""

    __slots__ = ("_attachment", "_closed", "_release", "_source", "response", "start", "wants")

    def __init__(
        self, source: EventSource, responses: EventResponses, release: Callable[[], None]
    ) -> None:
        self._source = source
        self._release = release
        self._attachment: Attachment | None = None
        self._closed = False
        self.start = source.after
        self.wants = source.wants
        self.response = responses.response

    def attach(self, subscriber: EventSubscriber) -> Attachment:
        """Tells `subscriber` all events of the user after the start, wanted or not. Once only."""
        self._attachment = self._source.attach(subscriber)
        return self._attachment

    def close(self) -> None:
        """The subscriber is told nothing more. May be repeated."""
        if not self._closed:
            self._closed = True
            if self._attachment is not None:
                self._attachment.detach()
                self._attachment = None  # ends a cycle
            self._release()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerLimits:
    """What one caller may ask for. None: no limit."""

    mutations: CallerRate | None = None
    rows: CallerRate | None = None
    selections: SelectionLimiter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """Where faults of ours and finished calls are written down."""

    masking: Masking
    access_log: AccessLog


class Gateway(Generic[CallerT]):
    """Everything that a transport asks of a schema."""

    def __init__(
        self,
        schema: ExecutableSchema[CallerT],
        tokens: AccessTokens[CallerT],
        documents: Documents,
        limits: CallerLimits,
        reports: Reports,
    ) -> None:
        self.input_names = schema.input_names()
        """Of the members that the schema's inputs have."""
        self._authorize = schema.authorize
        self._tokens = tokens
        self._documents = documents
        self._limits = limits
        self._reports = reports
        self._executor = SchemaExecutor(
            schema, reports.masking, hide_suggestions=documents.hide_suggestions
        )

    async def authenticate(self, authorization: str | None) -> AccessToken[CallerT]:
        """The verified token of an `Authorization` header's text. Raises `Refused`."""
        return await authenticate(authorization, self._tokens)

    def prepare(self, call: Call[CallerT], request: GraphQLRequest) -> OperationType:
        """Finds the operation: valid, within the limits and allowed to the caller.

        Raises `Refused`; nothing of the operation has run then.
        """
        operation = self._documents.operation(request.query, request.operation_name)
        call.name, call.type = operation.name, operation.type
        self._authorize(operation.root_fields, _caller(call))
        variables = request.variables or {}
        self._documents.check_variables(operation, variables)
        call.prepared = (operation, variables)
        return operation.type

    async def execute(self, call: Call[CallerT]) -> Response:
        """Runs a prepared query or mutation. Raises `Refused` before anything of it is run."""
        operation, variables = _started(call)
        caller = _caller(call)
        if operation.type is OperationType.MUTATION:
            if self._limits.mutations is not None:
                self._limits.mutations.admit(caller, len(operation.root_fields))
        elif self._limits.rows is not None:
            self._limits.rows.admit(caller, operation.cost.rows(variables))
        result, call.failures = await self._executor.execute(operation, variables, caller)
        call.errors = result.errors
        return Response(encode(result), result.errors)

    async def subscribe(
        self, call: Call[CallerT], *, resume_after: str | None = None
    ) -> StartedSubscription:
        """Starts a prepared subscription. Raises `Refused` before anything is sent.

        `resume_after` is a cursor that wins over the operation's own `after` (the `Last-Event-ID`
        header of server-sent events).
        """
        operation, variables = _started(call)
        caller = _caller(call)
        source, responses = await self._executor.subscribe(
            operation, variables, caller, resume_after
        )
        selections = self._limits.selections
        if selections is None:
            return StartedSubscription(source, responses, _nothing)
        selections.acquire(caller, responses)
        release = partial(selections.release, caller, responses)
        return StartedSubscription(source, responses, release)

    def unexpected(self, error: BaseException) -> GraphQLError:
        """What a client is told about a fault of ours; the server's log has its origin."""
        return self._reports.masking.unexpected(error)

    def record(self, call: Call[CallerT]) -> None:
        """One line in the access log. To be called once, when the call has ended."""
        self._reports.access_log.record(
            request_id=call.request_id,
            transport=call.transport,
            caller=None if call.token is None else call.token.caller,
            operation=call.name,
            kind=call.type.value if call.type else None,
            outcome=outcome_of(call.errors, call.failures),
            seconds=perf_counter() - call.started,
        )


def _caller(call: Call[CallerT]) -> CallerT:
    if call.token is None:
        raise RuntimeError("the call is not authenticated")
    return call.token.caller


def _started(call: Call[CallerT]) -> tuple[Operation, Variables]:
    """What to run. The call drops it: a stream may be long, and a document large."""
    prepared, call.prepared = call.prepared, None
    if prepared is None:
        raise RuntimeError("the call is not prepared")
    return prepared


def _nothing() -> None:
    """There is no place to give back."""
