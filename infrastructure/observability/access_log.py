"""Lines for each operation and each read of credentials: JSON on stderr, without a secret."""

import contextlib
import logging
import sys
from collections.abc import Hashable
from datetime import UTC, datetime
from typing import BinaryIO
from uuid import UUID

import orjson

LONGEST_NAME = 100
"""Characters of an operation's name in the access log."""


_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE | orjson.OPT_PASSTHROUGH_DATACLASS


class AccessLines:
    """Lines like those of the server's log, whose fields never hold a secret.

    They are not searched for secrets, and don't pass through the loggers: there is one for each
    request.
    """

    def __init__(self, stream: BinaryIO | None) -> None:
        self._stream = stream or sys.stderr.buffer

    def write(self, event: str, fields: dict[str, object]) -> None:
        """One line. Raises `OSError` when it can't be written."""
        line = fields | {
            "logger": "unplug.access",
            "event": event,
            "level": "info",
            "timestamp": datetime.now(UTC),
        }
        self._stream.write(orjson.dumps(line, default=str, option=_OPTIONS))
        self._stream.flush()


class JsonAccessLog:
    """Implements the GraphQL layer's `AccessLog`: a JSON object per line on stderr.

    `caller` is what the caller's field is called: `user_id`, or `service`.
    """

    def __init__(
        self, stream: BinaryIO | None = None, *, level: str = "info", caller: str = "user_id"
    ) -> None:
        self._lines = AccessLines(stream)
        self._is_on = logging.getLevelNamesMapping()[level.upper()] <= logging.INFO
        self._caller = caller

    def record(
        self,
        *,
        request_id: str,
        transport: str,
        caller: Hashable,
        operation: str | None,
        kind: str | None,
        outcome: str,
        seconds: float,
    ) -> None:
        """One line."""
        if not self._is_on:
            return
        fields: dict[str, object] = {
            "request_id": request_id,
            "transport": transport,
            self._caller: caller,
            "operation": operation[:LONGEST_NAME] if operation else None,
            "type": kind,
            "outcome": outcome,
            "duration_ms": round(seconds * 1000, 3),
        }
        with contextlib.suppress(OSError):  # the log's reader is gone; requests go on
            self._lines.write("operation", fields)


class JsonCredentialsAudit:
    """Implements the domain's `CredentialsAudit`: a line beside those of the access log."""

    def __init__(self, stream: BinaryIO | None = None) -> None:
        self._lines = AccessLines(stream)

    def credentials_read(
        self, *, service: str, connection_id: UUID, user_id: UUID | None, outcome: str
    ) -> None:
        """One line, at every log level. Raises `OSError` when it can't be written."""
        fields: dict[str, object] = {
            "service": service,
            "connection_id": connection_id,
            "user_id": user_id,
            "outcome": outcome,
        }
        self._lines.write("credentials_read", fields)
