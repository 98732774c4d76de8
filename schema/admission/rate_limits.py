"""How often a user may ask."""

from uuid import UUID

from limits import RateLimitItemPerSecond
from limits.strategies import FixedWindowRateLimiter

from schema.admission.telemetry import Telemetry
from schema.admission.windows import Windows
from schema.errors import ErrorCode, request_error
from schema.execution.document_limits import Limit
from schema.execution.documents import Refused

RETRY_AFTER = 1
"""Seconds; the window is one second long."""


class MutationRate:
    """Mutations per user on this process, over all transports, in windows of a second that begin
    with a user's first mutation. A user who asks for nothing costs nothing.
    """

    def __init__(self, per_second: int, telemetry: Telemetry) -> None:
        self._most = per_second
        self._limit = RateLimitItemPerSecond(per_second)
        self._windows = FixedWindowRateLimiter(Windows())
        self._telemetry = telemetry

    def admit(self, user_id: UUID, mutations: int) -> None:
        """Counts them; raises `Refused` with `RATE_LIMITED` when they are too many.

        A document with more than a second's worth is never run: it would get round the limit.
        """
        if self._windows.hit(self._limit, user_id.hex, cost=mutations):
            return
        self._telemetry.limit_hit(Limit.MUTATIONS)
        message = f"At most {self._most} mutations per second. Try again later."
        raise Refused([request_error(ErrorCode.RATE_LIMITED, message, retryAfter=RETRY_AFTER)])


class MessageRate:
    """Messages per second of one socket, counted from one full second to the next."""

    def __init__(self, per_second: int, telemetry: Telemetry) -> None:
        self._limit = RateLimitItemPerSecond(per_second)
        self._windows = FixedWindowRateLimiter(Windows())
        self._telemetry = telemetry

    def admits(self, socket: str) -> bool:
        """Counts a message of this socket; False when it is one too many."""
        if self._windows.hit(self._limit, socket):
            return True
        self._telemetry.limit_hit(Limit.MESSAGES)
        return False
