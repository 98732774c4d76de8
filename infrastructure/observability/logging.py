"""The server's log: JSON lines on stderr, all loggers through one pipeline, without secrets."""

import json
import logging
import re
import sys
from collections.abc import Mapping
from traceback import extract_tb

import orjson
import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

REDACTED = "[redacted]"

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
