"""The server's log: JSON lines on stderr, all loggers through one pipeline, without secrets."""

import contextlib
import json
import logging
import re
import sys
from collections.abc import Mapping
from traceback import extract_tb
from typing import BinaryIO
from uuid import UUID

import orjson
import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

REDACTED = "[redacted]"
LONGEST_NAME = 100
"""Characters of an operation's name in the access log."""

_SECRET_NAMES = re.compile(
    r"token|secret|password|passwd|credential|authorization|cookie|bearer|jwt"
    r"|(api|private|encryption|fernet)_?key|encrypted|variables|document",
    re.IGNORECASE,
)
_SECRET_VALUES = re.compile(
    r"(?P<jwt>\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*)"  # three segments, the first a JSON object
    r"|(?P<bearer>(?<=bearer )\S+)"
    r"|(?P<fernet>\bgAAAA[\w-]{40,}=*)"
    r"|(?P<password>(?<=://)[^\s/@'\"]*:[^\s/@'\"]*(?=@))",
    re.IGNORECASE,
)


def configure_logging(level: str = "info") -> None:
    """Sends structlog's, the standard library's and uvicorn's records, and warnings, to stderr."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.ExceptionRenderer(_described),
                redact,
                _render,
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.captureWarnings(capture=True)
    # At INFO it writes paths with their query strings, which hold documents.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


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


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replaces values that are secret by their name, and text that looks like a secret."""
    return {key: _redacted(key, value) for key, value in event.items()}


def _redacted(key: object, value: object) -> object:
    match value:
        case None | bool() | int() | float():
            return value
        case _ if isinstance(key, str) and _SECRET_NAMES.search(key):
            return REDACTED
        case str():
            return _SECRET_VALUES.sub(REDACTED, value)
        case bytes() | bytearray() | memoryview():
            return REDACTED
        case Mapping():
            return {inner: _redacted(inner, item) for inner, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_redacted(None, item) for item in value]
        case _:
            return _SECRET_VALUES.sub(REDACTED, str(value))


def _described(exc_info: ExcInfo) -> list[dict[str, object]]:
    """The types of an exception and its causes, with their places in the code.

    Their texts are left out, because they may quote a credential.
    """
    found: list[dict[str, object]] = []
    error: BaseException | None = exc_info[1]
    while error is not None:
        places = [f"{f.filename}:{f.lineno} {f.name}" for f in extract_tb(error.__traceback__)]
        found.append({"type": type(error).__qualname__, "at": places})
        error = error.__cause__ or error.__context__
    return found


def _render(_: WrappedLogger, __: str, event: EventDict) -> str:
    try:
        return orjson.dumps(event, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # Integers above 64 bits, lone surrogates.
        return json.dumps(event)
