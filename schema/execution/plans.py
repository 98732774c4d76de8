"""Operations that run without graphql-core's asking at each value what is to be done with it.

A plan is made for one root field, without directives, and with nothing but attributes below it;
graphql-core runs the other documents. It also completes a planned operation whose outcome is an
error, or is not as the schema says, so that errors are made in one place.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import CoroutineType
from typing import Any, NamedTuple, TypeGuard, cast

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLFieldResolver,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLResolveInfoHelpers,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    Undefined,
    VariableDefinitionNode,
    coerce_input_literal,
    get_argument_values,
    is_non_null_type,
)
from graphql.execution.get_variable_signature import (
    GraphQLVariableSignature,
    get_variable_signature,
)
from graphql.execution.values import VariableValues, VariableValueSource
from graphql.pyutils import Path

from schema.coercion import Coerce, coercion
from schema.execution.completion import Fragments, Selections, Unplanned

IS_COROUTINE = cast("Callable[[Any], TypeGuard[Awaitable[Any]]]", CoroutineType.__instancecheck__)
"""`isinstance` without a Python frame: resolvers return nothing else that is awaited, and each
value of a response is looked at.
"""


def _unused(_: object) -> Any:  # noqa: ANN401 (as graphql-core has it)
    raise NotImplementedError("no resolver tracks work of its own")


NO_HELPERS = GraphQLResolveInfoHelpers(gather=_unused, track=_unused)
"""An executor's own point back at it: an operation's hundred objects would be left to the cyclic
collector, whose pauses grow with the number of open sockets.
"""


class _Variable(NamedTuple):
    """A variable of an operation."""

    signature: GraphQLVariableSignature
    coerce: Coerce

    @classmethod
    def of(cls, schema: GraphQLSchema, definition: VariableDefinitionNode) -> "_Variable":
        """Raises `Unplanned`."""
        signature = get_variable_signature(schema, definition)
        if isinstance(signature, GraphQLError):
            raise Unplanned
        return cls(signature, coercion(signature.type))


def _coerced(variables: Sequence[_Variable], given: Mapping[str, Any]) -> VariableValues | None:
    """`get_variable_values`; None when a value does not fit.

    It does not have to look for values that are nested too deep: no input type contains itself.
    """
    sources: dict[str, VariableValueSource] = {}
    coerced: dict[str, Any] = {}
    for signature, coerce in variables:
        name, default = signature.name, signature.default
        value = given.get(name, Undefined)
        if value is not Undefined:
            sources[name] = VariableValueSource(signature, value)
            value = coerce(value)
        elif default is not None and default.literal is not None:
            sources[name] = VariableValueSource(signature)
            value = coerce_input_literal(default.literal, signature.type)
        elif not is_non_null_type(signature.type):
            sources[name] = VariableValueSource(signature)
            continue
        if value is Undefined:
            return None
        coerced[name] = value
    return VariableValues(sources, coerced)


class _Root(NamedTuple):
    """The one field of an operation."""

    response_name: str
    nodes: list[FieldNode]
    type: GraphQLObjectType
    field: GraphQLField
    resolve: GraphQLFieldResolver


class PlannedCall(NamedTuple):
    """What a root field's resolver is called with, beside its source."""

    info: GraphQLResolveInfo[Any]
    arguments: Mapping[str, Any]


class Plan:
    """How to run one operation."""

    __slots__ = (
        "_complete",
        "_fragments",
        "_operation",
        "_path",
        "_root",
        "_schema",
        "_variables",
    )

    def __init__(
        self, schema: GraphQLSchema, fragments: Fragments, operation: OperationDefinitionNode
    ) -> None:
        """Raises `Unplanned`."""
        selections = Selections(schema, fragments)
        self._root = _root(schema, selections, operation)
        self._complete = selections.completed(self._root.field.type, self._root.nodes)
        self._path = Path(None, self._root.response_name, self._root.type.name)
        self._schema = schema
        self._fragments = dict(fragments)
        self._operation = operation
        self._variables = [
            _Variable.of(schema, definition) for definition in operation.variable_definitions or ()
        ]

    def call(self, variables: Mapping[str, Any], context: object) -> PlannedCall | None:
        """None when variables or arguments don't fit."""
        root = self._root
        values = _coerced(self._variables, variables)
        if values is None:
            return None
        try:
            arguments = get_argument_values(root.field, root.nodes[0], values)
        except GraphQLError:
            return None
        info = GraphQLResolveInfo(
            field_name=root.nodes[0].name.value,
            field_nodes=root.nodes,
            return_type=root.field.type,
            parent_type=root.type,
            path=self._path,
            schema=self._schema,
            fragments=self._fragments,
            root_value=None,
            operation=self._operation,
            variable_values=values,
            context=context,
            is_awaitable=IS_COROUTINE,
            abort_signal=None,
            async_helpers=NO_HELPERS,
        )
        return PlannedCall(info, arguments)

    async def resolve(self, call: PlannedCall) -> object:
        """The root field's value; raises what the resolver raises."""
        value = self._root.resolve(None, call.info, **call.arguments)
        return await value if IS_COROUTINE(value) else value

    def data(self, value: object, failures: list[str]) -> dict[str, Any]:
        """The response's data. Any exception: graphql-core is to complete the value."""
        return {self._root.response_name: self._complete(value, failures)}


def plan_of(
    schema: GraphQLSchema, fragments: Fragments, operation: OperationDefinitionNode
) -> Plan | None:
    """None when graphql-core is to run it."""
    if operation.operation is OperationType.SUBSCRIPTION:
        return None
    try:
        return Plan(schema, fragments, operation)
    except Unplanned:
        return None


class Resolved:
    """A middleware of graphql-core's: the root field has this outcome already."""

    def __init__(self, outcome: object) -> None:
        self._outcome = outcome

    def resolve(
        self,
        resolve: GraphQLFieldResolver,
        source: object,
        info: GraphQLResolveInfo[Any],
        **arguments: object,
    ) -> object:
        """An exception is raised again."""
        if info.path.prev is not None:
            return resolve(source, info, **arguments)
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


def _root(
    schema: GraphQLSchema, selections: Selections, operation: OperationDefinitionNode
) -> _Root:
    type_ = schema.get_root_type(operation.operation)
    if type_ is None or operation.directives:
        raise Unplanned
    selected = selections.fields(type_, [operation.selection_set])
    if len(selected) != 1:
        raise Unplanned
    ((response_name, nodes),) = selected.items()
    field = type_.fields.get(nodes[0].name.value)
    if field is None or field.resolve is None:
        raise Unplanned
    return _Root(response_name, nodes, type_, field, field.resolve)
