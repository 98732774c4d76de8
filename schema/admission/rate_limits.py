"""How often a caller may ask."""

import time
from collections.abc import Hashable

from schema.admission.telemetry import Telemetry
from schema.errors import ErrorCode, Limit, Refused, request_error

RETRY_AFTER = 1
"""Seconds; a window is one second long."""

SWEEP_EVERY = 1.0


class FixedWindowCounter:
    """Counts hits per key in windows of one second, which begin with a key's first hit.

    The first hit of a second drops the windows that have ended, so an idle key costs nothing.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._windows: dict[Hashable, tuple[int, float]] = {}
        self._swept = 0.0

    def hit(self, key: Hashable, cost: int = 1) -> bool:
        """Counts `cost` hits; False when the key's window then has more than the limit."""
        now = time.monotonic()
        if now >= self._swept + SWEEP_EVERY:
            self._windows = {k: window for k, window in self._windows.items() if window[1] > now}
            self._swept = now
        count, ends = self._windows.get(key, (0, 0.0))
        if ends <= now:
            count, ends = 0, now + 1.0
        self._windows[key] = (count + cost, ends)
        return count + cost <= self._most


class CallerRate:
    """Mutations, or rows of queries, per caller on this process, over all transports."""

    def __init__(self, limit: Limit, per_second: int, telemetry: Telemetry) -> None:
        self._limit = limit
        self._most = per_second
        self._counter = FixedWindowCounter(per_second)
        self._telemetry = telemetry

    def admit(self, caller: Hashable, cost: int) -> None:
        """Counts them; raises `Refused` with `RATE_LIMITED` when they are too many.

        A document that costs more than a second allows is never run.
        """
        if self._counter.hit(caller, cost):
            return
        self._telemetry.limit_hit(self._limit)
        message = f"At most {self._most} {self._limit.value} per second. Try again later."
        raise Refused(request_error(ErrorCode.RATE_LIMITED, message, retryAfter=RETRY_AFTER))


class MessageRate:
    """Messages per second of each socket."""

    def __init__(self, per_second: int, telemetry: Telemetry) -> None:
        self._counter = FixedWindowCounter(per_second)
        self._telemetry = telemetry

    def admits(self, socket: str) -> bool:
        """Counts a message of this socket; False when it is one too many."""
        if self._counter.hit(socket):
            return True
        self._telemetry.limit_hit(Limit.MESSAGES)
        return False
