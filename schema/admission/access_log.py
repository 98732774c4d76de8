"""One line per operation: who ran what, how it ended, how long it took. Never what it said."""

import contextlib
from collections.abc import Sequence
from uuid import UUID

from graphql import GraphQLError
from structlog.typing import FilteringBoundLogger

from schema.errors import code_of
from schema.execution.operation import Operation

LONGEST_NAME = 100


class AccessLog:
    """Writes names and codes only: no token, no document, no variable gets near it."""

    def __init__(self, logger: FilteringBoundLogger) -> None:
        self._log = logger

    def record(
        self,
        *,
        request_id: str,
        transport: str,
        user_id: UUID | None,
        operation: Operation | None,
        errors: Sequence[GraphQLError] | None,
        seconds: float,
    ) -> None:
        """`operation` is None when there was none to run; `errors` are as the client saw them."""
        name = operation.name if operation else None
        with contextlib.suppress(OSError):  # nobody reads the log any more; requests go on
            self._log.info(
                "operation",
                request_id=request_id,
                transport=transport,
                user_id=str(user_id) if user_id else None,
                operation=name[:LONGEST_NAME] if name else None,
                type=operation.type.value if operation else None,
                outcome=outcome(errors),
                duration_ms=round(seconds * 1000, 3),
            )


def outcome(errors: Sequence[GraphQLError] | None) -> str:
    """`ok`, or the errors' codes."""
    if not errors:
        return "ok"
    return ",".join(sorted({code_of(error) or "UNKNOWN" for error in errors}))
