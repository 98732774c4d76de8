"""What of an error a client may read."""

from collections.abc import Sequence

import structlog
from graphql import GraphQLError

from domain.ports import NewId
from schema.errors import ErrorCode, code_of, request_error

INTERNAL = "Something went wrong on our side. The error's id helps us to find out what."


class Masking:
    """Lets through what was written for clients; hides everything else behind an id.

    The id is in the server's log, with the exception.
    """

    def __init__(self, new_id: NewId) -> None:
        self._new_id = new_id
        self._log = structlog.get_logger("unplug.graphql")

    def mask(self, errors: Sequence[GraphQLError]) -> list[GraphQLError]:
        """The errors as a client may see them, each with a code."""
        return [self._mask(error) for error in errors]

    def _mask(self, error: GraphQLError) -> GraphQLError:
        if code_of(error):
            return error
        if error.path is None and error.original_error is None:
            # graphql-core's own words on the request: a variable that doesn't fit its type.
            error.extensions = {"code": ErrorCode.BAD_USER_INPUT.value}
            return error
        error_id = str(self._new_id())
        self._log.error("unexpected error", error_id=error_id, exc_info=error.original_error)
        masked = request_error(ErrorCode.INTERNAL_SERVER_ERROR, INTERNAL, id=error_id)
        return GraphQLError(
            masked.message, nodes=error.nodes, path=error.path, extensions=masked.extensions
        )
