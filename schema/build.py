"""The schema, put together."""

import strawberry
from graphql import GraphQLSchema

from schema.mutation import Mutation
from schema.query import Query
from schema.subscription import Subscription
from schema.types import (
    ProviderDisconnectionAttempted,
    ProviderDisconnectionFailed,
    ProviderDisconnectionSucceeded,
)


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
    )
