"""The schema, put together."""

from functools import cache

import strawberry
from graphql import GraphQLSchema
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.name_converter import NameConverter

from schema.mutation import Mutation
from schema.query import Query
from schema.subscription import Subscription
from schema.types import (
    ProviderDisconnectionAttempted,
    ProviderDisconnectionFailed,
    ProviderDisconnectionSucceeded,
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
    """The Strawberry schema; operations run on graphql-core's public API."""

    @property
    def executable(self) -> GraphQLSchema:
        """graphql-core's view of it."""
        return self._schema


def build_schema() -> UnplugSchema:
    """A new schema. `as_str()` gives its SDL, which is committed as `schema.graphql`."""
    return UnplugSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[
            ProviderDisconnectionAttempted,
            ProviderDisconnectionSucceeded,
            ProviderDisconnectionFailed,
        ],
        config=StrawberryConfig(name_converter=CachedNames()),
    )
