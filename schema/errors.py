"""Faults of a request, as GraphQL errors with a stable code."""

from enum import StrEnum

from graphql import GraphQLError


class ErrorCode(StrEnum):
    """`extensions.code` of every error that is not data."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    INVALID_CURSOR = "INVALID_CURSOR"
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    TOO_COMPLEX = "TOO_COMPLEX"
    TOO_MANY_SUBSCRIPTIONS = "TOO_MANY_SUBSCRIPTIONS"
    RATE_LIMITED = "RATE_LIMITED"
    INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"


def request_error(code: ErrorCode, message: str, **extensions: object) -> GraphQLError:
    """An error that a client may read: `message` is a fixed sentence, never an exception's text."""
    return GraphQLError(message, extensions={"code": code.value, **extensions})


def bad_user_input(message: str) -> GraphQLError:
    """An argument or variable is not what the schema's descriptions ask for."""
    return request_error(ErrorCode.BAD_USER_INPUT, message)


def invalid_cursor() -> GraphQLError:
    """The cursor can't be honoured; why is not told, so that nothing can be probed with it."""
    return request_error(
        ErrorCode.INVALID_CURSOR,
        "This cursor can't be honoured. Read the list and a new eventCursor, and go on from there.",
    )


def code_of(error: GraphQLError) -> str | None:
    """The stable code of an error that was made by `request_error`."""
    code = (error.extensions or {}).get("code")
    return code if isinstance(code, str) else None
