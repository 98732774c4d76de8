"""Faults of a request, as GraphQL errors with a stable code."""

from collections.abc import Sequence
from enum import StrEnum

import orjson
from graphql import GraphQLError


class ErrorCode(StrEnum):
    """`extensions.code` of every error that is not data."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    INVALID_CURSOR = "INVALID_CURSOR"
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    TOO_COMPLEX = "TOO_COMPLEX"
    TOO_MANY_SUBSCRIPTIONS = "TOO_MANY_SUBSCRIPTIONS"
    RATE_LIMITED = "RATE_LIMITED"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    PERSISTED_QUERY_NOT_SUPPORTED = "PERSISTED_QUERY_NOT_SUPPORTED"
    INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"


class Limit(StrEnum):
    """`extensions.limit` of a refusal, and the name under which hits are counted."""

    BODY = "body"
    BODIES = "bodies"
    LENGTH = "length"
    TOKENS = "tokens"
    DEPTH = "depth"
    ALIASES = "aliases"
    ROOT_FIELDS = "root_fields"
    DIRECTIVES = "directives"
    LIST_ITEMS = "list_items"
    VARIABLES = "variables"
    MUTATIONS = "mutations"
    ROWS = "rows"
    SUBSCRIPTIONS = "subscriptions"
    SELECTIONS = "selections"
    SOCKETS_PER_USER = "sockets_per_user"
    SOCKETS = "sockets"
    UNAUTHENTICATED_SOCKETS = "unauthenticated_sockets"
    MESSAGES = "messages"
    MESSAGE_SIZE = "message_size"


class Refused(Exception):
    """A request that is not run at all, with the errors that say why."""

    def __init__(self, *errors: GraphQLError) -> None:
        super().__init__("request refused")
        self.errors: Sequence[GraphQLError] = errors


def request_error(code: ErrorCode, message: str, **extensions: object) -> GraphQLError:
    """An error that a client may read: `message` is a fixed sentence, never an exception's text."""
    return GraphQLError(message, extensions={"code": code.value, **extensions})


def bad_user_input(message: str) -> GraphQLError:
    """An argument or variable is not what the schema's descriptions ask for."""
    return request_error(ErrorCode.BAD_USER_INPUT, message)


def invalid_cursor() -> GraphQLError:
    """The cursor is not valid here. The reason is not given, so that nothing can be probed."""
    return request_error(
        ErrorCode.INVALID_CURSOR,
        "This cursor is not valid. Read the list or `eventCursor` again, and continue from there.",
    )


def persisted_query_not_supported() -> GraphQLError:
    """Clients that send a hash first recognise code and message, and send the whole document.

    https://www.apollographql.com/docs/apollo-server/performance/apq
    """
    return request_error(ErrorCode.PERSISTED_QUERY_NOT_SUPPORTED, "PersistedQueryNotSupported")


def database_unavailable() -> GraphQLError:
    """A read that the database did not answer in time. Repeating it may succeed."""
    message = "The database does not answer at the moment. Try again."
    return request_error(ErrorCode.SERVICE_UNAVAILABLE, message, retryAfter=1)


def code_of(error: GraphQLError) -> str | None:
    """The stable code of an error that was made by `request_error`."""
    code = (error.extensions or {}).get("code")
    return code if isinstance(code, str) else None


def has_code(errors: Sequence[GraphQLError], code: ErrorCode) -> bool:
    """Whether one of the errors has this code."""
    return any(code_of(error) == code for error in errors)


def outcome_of(errors: Sequence[GraphQLError] | None, failures: Sequence[str] = ()) -> str:
    """For logs: `ok`, or the codes of errors and of failures that are data."""
    if not errors and not failures:
        return "ok"
    codes = {code_of(error) or "UNKNOWN" for error in errors or ()}
    return ",".join(sorted(codes.union(failures)))


def too_complex(limit: Limit, most: int) -> GraphQLError:
    """`TOO_COMPLEX`, with the limit's name and value."""
    name = limit.value.replace("_", " ")
    message = f"The request exceeds a limit: at most {most} ({name})."
    return request_error(ErrorCode.TOO_COMPLEX, message, limit=limit.value)


def encode_errors(errors: Sequence[GraphQLError]) -> bytes:
    """The response to a request that was not run at all: errors and no data."""
    return orjson.dumps({"errors": [error.formatted for error in errors]})
