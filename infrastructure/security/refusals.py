"""Why tokens are refused, for operators."""

import time
from collections.abc import Callable
from enum import StrEnum

import structlog

LINES_PER_SECOND = 10

_log = structlog.get_logger(__name__)


class Refusal(StrEnum):
    """What is wrong with a token."""

    TOO_LONG = "too_long"
    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown_key"
    SIGNATURE = "signature"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    SUBJECT = "subject"
    SCOPE = "scope"


class TokenRefused(Exception):
    """A token isn't accepted."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.value)
        self.reason = reason


class RefusalLog:
    """Writes the reasons, never a token. Of more than ten in a second it counts the others.

    `callers` says in each line whose tokens these are: users' or services'.
    """

    def __init__(self, callers: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._callers = callers
        self._clock = clock
        self._second = 0
        self._lines = 0
        self._left_out = 0

    def record(self, reason: Refusal) -> None:
        """One more. `left_out` in a line says how many before it have none."""
        second = int(self._clock())
        if second != self._second:
            self._second, self._lines = second, 0
        if self._lines == LINES_PER_SECOND:
            self._left_out += 1
            return
        self._lines += 1
        _log.info(
            "access_refused",
            callers=self._callers,
            reason=reason.value,
            left_out=self._left_out,
        )
        self._left_out = 0
