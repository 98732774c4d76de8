"""Results as GraphQL's response format (specification, section 7.1), in JSON."""

import orjson
from graphql import ExecutionResult


def encode(result: ExecutionResult) -> bytes:
    """Data, and the errors beside it."""
    return orjson.dumps(result.formatted)
