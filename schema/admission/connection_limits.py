"""How many sockets, streams and selections may be open."""

from collections import Counter
from collections.abc import Hashable

from schema.admission.telemetry import Telemetry
from schema.errors import ErrorCode, Limit, Refused, request_error

TOO_MANY_STREAMS = "Too many streams are open. Close some of them, or try again later."


class ConnectionLimiter:
    """Sockets and streams of one process, and of each user on it, over all transports."""

    def __init__(self, most: int, most_per_user: int, telemetry: Telemetry) -> None:
        self._most = most
        self._most_per_user = most_per_user
        self._telemetry = telemetry
        self._open = 0
        self._users: Counter[Hashable] = Counter()

    def acquire(self, user: Hashable) -> None:
        """A place for one more. Raises `Refused` with `TOO_MANY_SUBSCRIPTIONS`."""
        if self._open >= self._most:
            raise self._refused(Limit.SOCKETS)
        if self._users[user] >= self._most_per_user:
            raise self._refused(Limit.SOCKETS_PER_USER)
        self._open += 1
        self._users[user] += 1

    def release(self, user: Hashable) -> None:
        """A socket or stream of the user is gone."""
        self._open -= 1
        self._users[user] -= 1
        if not self._users[user]:
            del self._users[user]

    def _refused(self, limit: Limit) -> Refused:
        self._telemetry.limit_hit(limit)
        return Refused(request_error(ErrorCode.TOO_MANY_SUBSCRIPTIONS, TOO_MANY_STREAMS))


class SelectionLimiter:
    """Distinct selections that one user's subscriptions have on this process.

    Every event is rendered once for each of them, so their number bounds what an event costs.
    """

    def __init__(self, most: int, telemetry: Telemetry) -> None:
        self._most = most
        self._telemetry = telemetry
        self._users: dict[Hashable, Counter[Hashable]] = {}

    def acquire(self, user: Hashable, selection: Hashable) -> None:
        """One more subscription with this selection. Raises `Refused`."""
        selections = self._users.setdefault(user, Counter())
        if selection not in selections and len(selections) >= self._most:
            self._telemetry.limit_hit(Limit.SELECTIONS)
            message = (
                f"At most {self._most} different selections per user. Subscribe with the same "
                "document and variables, or complete a subscription first."
            )
            code = ErrorCode.TOO_MANY_SUBSCRIPTIONS
            raise Refused(request_error(code, message, limit=Limit.SELECTIONS.value))
        selections[selection] += 1

    def release(self, user: Hashable, selection: Hashable) -> None:
        """A subscription with this selection has ended."""
        selections = self._users[user]
        selections[selection] -= 1
        if not selections[selection]:
            del selections[selection]
        if not selections:
            del self._users[user]
