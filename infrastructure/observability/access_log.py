"""Lines for each operation and each read of credentials: JSON on stderr, without a secret."""

import contextlib
import sys
from typing import BinaryIO
from uuid import UUID

import orjson
import structlog

LONGEST_NAME = 100
"""Characters of an operation's name in the access log."""


def access_logger(
    stream: BinaryIO | None = None, *, level: str = "info"
) -> structlog.typing.FilteringBoundLogger:
    """A logger for lines whose fields never hold a secret.

    The same JSON on stderr in a tenth of the time, because it is not searched for secrets.
    """
    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.BytesLogger(stream or sys.stderr.buffer),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )
    return logger.bind(logger="unplug.access")


class JsonAccessLog:
    """Implements the GraphQL layer's `AccessLog`: a JSON object per line on stderr.

    `caller` is what the caller's field is called: `user_id`, or `service`.
    """

    def __init__(
        self, stream: BinaryIO | None = None, *, level: str = "info", caller: str = "user_id"
    ) -> None:
        self._log = access_logger(stream, level=level)
        self._caller = caller

    def record(
        self,
        *,
        request_id: str,
        transport: str,
        caller: str | None,
        operation: str | None,
        kind: str | None,
        outcome: str,
        seconds: float,
    ) -> None:
        """One line."""
        with contextlib.suppress(OSError):  # the log's reader is gone; requests go on
            self._log.info(
                "operation",
                request_id=request_id,
                transport=transport,
                **{self._caller: caller},
                operation=operation[:LONGEST_NAME] if operation else None,
                type=kind,
                outcome=outcome,
                duration_ms=round(seconds * 1000, 3),
            )


class JsonCredentialsAudit:
    """Implements the domain's `CredentialsAudit`: a line beside those of the access log."""

    def __init__(self, stream: BinaryIO | None = None) -> None:
        self._log = access_logger(stream)

    def credentials_read(
        self, *, service: str, connection_id: UUID, user_id: UUID | None, outcome: str
    ) -> None:
        """One line, at every log level. Raises `OSError` when it can't be written."""
        self._log.info(
            "credentials_read",
            service=service,
            connection_id=str(connection_id),
            user_id=None if user_id is None else str(user_id),
            outcome=outcome,
        )
