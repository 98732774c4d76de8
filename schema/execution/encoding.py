"""Results as GraphQL's response format (specification, section 7.1), in JSON."""

from collections.abc import Sequence

import orjson
from graphql import ExecutionResult, GraphQLError


def encode(result: ExecutionResult) -> bytes:
    """Data, and the errors beside it."""
    return orjson.dumps(result.formatted)


def encode_errors(errors: Sequence[GraphQLError]) -> bytes:
    """A request that was not run at all: errors and no data."""
    return orjson.dumps({"errors": [error.formatted for error in errors]})
