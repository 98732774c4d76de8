"""What of an error a client may read, and what of it a log may hold."""

import re
from collections.abc import Iterator, Sequence
from traceback import extract_tb

import structlog
from graphql import GraphQLError, ValueNode

from domain.ports import NewId, StorageError
from schema.errors import ErrorCode, code_of, database_unavailable, request_error

INTERNAL = "Internal server error. The server's log has details under this error's id."

UNFIT = "A value does not fit its type."

_UNFIT_VARIABLE = re.compile(
    r"(?P<place>Variable '\$\w+' has invalid value(?: at [\w.\[\]]+)?)"
    r"(?:: (?P<expected>Expected value of (?:non-null )?type '[^']+' "
    r"(?:to include required field '\w+'|to be an object|not to be None)))?"
)


def without_values(message: str) -> str:
    """graphql-core's words on a variable: its place and the expected type, never what it holds."""
    match = _UNFIT_VARIABLE.match(message)
    if match is None:
        return UNFIT
    place, expected = match["place"], match["expected"]
    return f"{place}: {expected}." if expected else f"{place}: it does not fit its type."


class Masking:
    """Lets through what was written for clients; hides everything else behind an id.

    The id is in the server's log, with the exception's type and where it came from. Its text is
    not: it may quote a credential, a variable or a literal.
    """

    def __init__(self, new_id: NewId, *, quote_values: bool = True) -> None:
        """`quote_values`: whether a client reads its own wrong values again in an error."""
        self._new_id = new_id
        self._quote_values = quote_values
        self._log = structlog.get_logger("unplug.graphql")

    def mask(self, errors: Sequence[GraphQLError]) -> list[GraphQLError]:
        """An execution's errors as a client may see them, each with a code."""
        return [self._mask(error) for error in errors]

    def bad_variables(self, errors: Sequence[GraphQLError]) -> Sequence[GraphQLError]:
        """graphql-core's own words on variables that don't fit their types."""
        for error in errors:
            error.extensions = {"code": ErrorCode.BAD_USER_INPUT.value}
            if not self._quote_values:
                error.message = without_values(error.message)
        return errors

    def unexpected(self, error: BaseException) -> GraphQLError:
        """What a client is told about an exception; the log is told where it came from."""
        if isinstance(error, StorageError):  # the adapters have logged it
            return database_unavailable()
        error_id = str(self._new_id())
        self._log.error("unexpected error", error_id=error_id, exceptions=list(_described(error)))
        return request_error(ErrorCode.INTERNAL_SERVER_ERROR, INTERNAL, id=error_id)

    def _mask(self, error: GraphQLError) -> GraphQLError:
        if code_of(error):
            return error
        if error.nodes and isinstance(error.nodes[0], ValueNode):
            # graphql-core's own words on an argument: a null variable where null is not allowed.
            message = error.message if self._quote_values else UNFIT
            return _at(error, request_error(ErrorCode.BAD_USER_INPUT, message))
        return _at(error, self.unexpected(error.original_error or error))


def _at(place: GraphQLError, error: GraphQLError) -> GraphQLError:
    return GraphQLError(
        error.message, nodes=place.nodes, path=place.path, extensions=error.extensions
    )


def _described(error: BaseException | None) -> Iterator[dict[str, object]]:
    """An exception and what it came from, the last cause first."""
    while error is not None:
        yield {
            "type": type(error).__qualname__,
            "at": [f"{f.filename}:{f.lineno} {f.name}" for f in extract_tb(error.__traceback__)],
        }
        error = error.__cause__ or error.__context__
