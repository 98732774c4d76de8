"""The schema, put together."""

import re
from datetime import datetime
from functools import cache
from typing import Any

import strawberry
from graphql import (
    GraphQLAbstractType,
    GraphQLField,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLTypeResolver,
    GraphQLUnionType,
)
from graphql.pyutils import AwaitableOrValue
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.name_converter import NameConverter
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

from domain.identifiers import UserId
from domain.ports import ServiceCaller
from schema.execution.completion import FAILURE, VALUES, ReadAttribute
from schema.execution.executor import ExecutableSchema
from schema.resolvers import DirectResolver, strawberry_definition
from schema.service.context import ServiceContext, ServiceServices
from schema.service.mutation import Mutation as ServiceMutation
from schema.service.query import Query as ServiceQuery
from schema.service.scopes import authorize
from schema.service.types import ConnectionRecord
from schema.viewer.context import Context, Services
from schema.viewer.event_types import (
    ProviderAccessLost,
    ProviderAccessRestored,
    ProviderConnected,
    ProviderDisconnectionAttempted,
    ProviderDisconnectionFailed,
    ProviderDisconnectionSucceeded,
    ProviderTokenRevocationAttempted,
    ProviderTokenRevocationFailed,
    ProviderTokenRevocationSucceeded,
)
from schema.viewer.events import to_graphql
from schema.viewer.mutation import Mutation
from schema.viewer.query import Query, read_snapshot
from schema.viewer.subscription import Subscription

DATE_TIME = strawberry.scalar(
    name="DateTime",
    description="A date and time with its UTC offset, such as `2026-01-31T09:30:00+00:00`.",
    specified_by_url="https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
    serialize=datetime.isoformat,
    parse_value=datetime.fromisoformat,
)


class CachedNames(NameConverter):
    """Strawberry asks for the names of arguments and input fields again at every request."""

    def __init__(self) -> None:
        super().__init__()
        self._camel_case = cache(super().apply_naming_config)

    def apply_naming_config(self, name: str) -> str:
        """`camelCase`."""
        return self._camel_case(name)


class UnplugSchema(strawberry.Schema):
    """The Strawberry schema; operations run on graphql-core's public API.

    A field that is an attribute is read as one, and other resolvers are called directly: Strawberry
    has three calls in between, and a response has a dozen fields. A result that is an expected
    failure is told to the context.
    """

    def __init__(self, **parts: Any) -> None:  # noqa: ANN401 (Strawberry's own)
        super().__init__(**parts)
        for type_ in self.executable.type_map.values():
            if isinstance(type_, GraphQLObjectType):
                _describe_values(type_)
                for field in type_.fields.values():
                    _resolve_directly(field)
            elif isinstance(type_, GraphQLUnionType) and type_.resolve_type is not None:
                type_.resolve_type = _telling(type_.resolve_type)

    @property
    def executable(self) -> GraphQLSchema:
        """graphql-core's view of it."""
        return self._schema


def _describe_values(type_: GraphQLObjectType) -> None:
    definition = strawberry_definition(type_)
    if isinstance(definition, StrawberryObjectDefinition):
        type_.extensions[VALUES] = (definition.concrete_of or definition).origin
    if any(interface.name == "Error" for interface in type_.interfaces):
        type_.extensions[FAILURE] = _code(type_.name)


def _resolve_directly(field: GraphQLField) -> None:
    definition = strawberry_definition(field)
    if not isinstance(definition, StrawberryField) or definition.extensions:
        return
    if definition.is_basic_field:
        field.resolve = ReadAttribute(definition.python_name)
    elif field.subscribe is None:
        field.resolve = DirectResolver(field, definition)


def _code(name: str) -> str:
    """`CONNECTION_NOT_FOUND` for the type `ConnectionNotFound`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper()


def _telling(resolve_type: GraphQLTypeResolver) -> GraphQLTypeResolver:
    def resolve(
        value: object, info: GraphQLResolveInfo[Any], union: GraphQLAbstractType
    ) -> AwaitableOrValue[str | None]:
        name = resolve_type(value, info, union)
        member = info.schema.get_type(name) if isinstance(name, str) else None
        if member is not None and FAILURE in member.extensions:
            info.context.failures.append(member.extensions[FAILURE])
        return name

    return resolve


def build_schema() -> UnplugSchema:
    """A new schema. `as_str()` gives its SDL, which is committed as `schema.graphql`."""
    return UnplugSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[
            ProviderConnected,
            ProviderAccessLost,
            ProviderAccessRestored,
            ProviderDisconnectionAttempted,
            ProviderDisconnectionSucceeded,
            ProviderDisconnectionFailed,
            ProviderTokenRevocationAttempted,
            ProviderTokenRevocationSucceeded,
            ProviderTokenRevocationFailed,
        ],
        config=StrawberryConfig(name_converter=CachedNames(), scalar_map={datetime: DATE_TIME}),
    )


def viewer_schema(schema: UnplugSchema, services: Services) -> ExecutableSchema[UserId]:
    """The viewers' schema, ready to run on these services."""

    def context_for(viewer_id: UserId, resume_after: str | None) -> Context:
        return Context(viewer_id=viewer_id, services=services, last_event_id=resume_after)

    return ExecutableSchema(
        schema=schema.executable,
        context_for=context_for,
        render_event=to_graphql,
        preload={"eventCursor": read_snapshot},
    )


def build_service_schema() -> UnplugSchema:
    """A new schema for services, committed as `service.graphql`."""
    return UnplugSchema(
        query=ServiceQuery,
        mutation=ServiceMutation,
        types=[ConnectionRecord],
        config=StrawberryConfig(name_converter=CachedNames(), scalar_map={datetime: DATE_TIME}),
    )


def service_schema(
    schema: UnplugSchema, services: ServiceServices
) -> ExecutableSchema[ServiceCaller]:
    """The services' schema, ready to run."""

    def context_for(caller: ServiceCaller, _resume_after: str | None) -> ServiceContext:
        return ServiceContext(caller=caller, services=services)

    return ExecutableSchema(schema=schema.executable, context_for=context_for, authorize=authorize)
