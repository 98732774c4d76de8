"""How often a caller may ask."""

import time
from collections.abc import Callable, Hashable

from schema.admission.telemetry import Telemetry
from schema.errors import ErrorCode, Limit, Refused, request_error

WINDOW_SECONDS = 1
"""Also what a refusal says in `retryAfter`."""


class FixedWindowCounter:
    """Counts hits per key in windows of one second, which begin with a key's first hit.

    The first hit of a second drops the windows that have ended, so an idle key costs nothing.
    """

    def __init__(self, most: int, now: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._now = now
        self._windows: dict[Hashable, tuple[float, int]] = {}  # when it ends, and its hits
        self._swept = 0.0

    def hit(self, key: Hashable, cost: int = 1) -> bool:
        """Counts `cost` hits, or none and says False when the key's window would have too many."""
        now = self._now()
        if now >= self._swept + WINDOW_SECONDS:
            self._windows = {k: window for k, window in self._windows.items() if window[0] > now}
            self._swept = now
        ends, count = self._windows.get(key, (0.0, 0))
        if ends <= now:
            ends, count = now + WINDOW_SECONDS, 0
        if count + cost > self._most:
            return False
        self._windows[key] = (ends, count + cost)
        return True


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
        raise Refused(request_error(ErrorCode.RATE_LIMITED, message, retryAfter=WINDOW_SECONDS))


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
