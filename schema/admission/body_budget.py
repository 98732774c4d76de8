"""How many bytes of request bodies a process holds at a time."""

from collections import Counter
from collections.abc import Hashable
from types import TracebackType
from typing import Self

from schema.admission.telemetry import Telemetry
from schema.errors import ErrorCode, Limit, Refused, request_error

CALLERS = 4
"""How many callers with as much as they may have exhaust the budget."""

RETRY_AFTER = 1


class BodyBudget:
    """Bytes of bodies that are being read, and of requests that are running.

    One caller may have a quarter of them, though always one body of the largest size.
    """

    def __init__(self, most: int, largest: int, telemetry: Telemetry) -> None:
        self._most = max(most, largest)
        self._most_per_caller = max(most // CALLERS, largest)
        self._telemetry = telemetry
        self._taken = 0
        self._callers: Counter[Hashable] = Counter()

    def share(self, caller: Hashable) -> "BodyShare":
        """The bytes of one request; given back at the end of the block, or before it."""
        return BodyShare(self, caller)

    def take(self, caller: Hashable, size: int) -> None:
        """Raises `Refused`: `RATE_LIMITED` when the caller has too many, `SERVICE_UNAVAILABLE` when
        all have."""
        if self._callers.get(caller, 0) + size > self._most_per_caller:
            raise self._refused(ErrorCode.RATE_LIMITED, "Too many bodies of yours at a time.")
        if self._taken + size > self._most:
            raise self._refused(ErrorCode.SERVICE_UNAVAILABLE, "Too many bodies at a time.")
        self._taken += size
        self._callers[caller] += size

    def give_back(self, caller: Hashable, size: int) -> None:
        """They are no longer held."""
        self._taken -= size
        self._callers[caller] -= size
        if not self._callers[caller]:
            del self._callers[caller]

    def _refused(self, code: ErrorCode, problem: str) -> Refused:
        self._telemetry.limit_hit(Limit.BODIES)
        message = f"{problem} Send fewer or smaller requests at once, or try again later."
        return Refused(
            request_error(code, message, limit=Limit.BODIES.value, retryAfter=RETRY_AFTER)
        )


class BodyShare:
    """What one request has of the budget."""

    __slots__ = ("_budget", "_caller", "_size")

    def __init__(self, budget: BodyBudget, caller: Hashable) -> None:
        self._budget = budget
        self._caller = caller
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.give_back()

    def take(self, size: int) -> None:
        """So many bytes more. Raises `Refused`."""
        self._budget.take(self._caller, size)
        self._size += size

    def give_back(self) -> None:
        """All of them. May be repeated."""
        size, self._size = self._size, 0
        if size:
            self._budget.give_back(self._caller, size)
