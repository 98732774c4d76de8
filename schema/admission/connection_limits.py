"""How many sockets and streams may be open."""

from collections import Counter
from uuid import UUID

from schema.admission.telemetry import Telemetry
from schema.execution.document_limits import Limit


class Seats:
    """Of one process, and of each user on it, over all transports."""

    def __init__(self, most: int, most_per_user: int, telemetry: Telemetry) -> None:
        self._most = most
        self._most_per_user = most_per_user
        self._telemetry = telemetry
        self._taken = 0
        self._users: Counter[UUID] = Counter()

    def take(self) -> bool:
        """One for somebody; False when all are taken. `leave` gives it back."""
        if self._taken >= self._most:
            self._telemetry.limit_hit(Limit.SOCKETS)
            return False
        self._taken += 1
        return True

    def leave(self) -> None:
        """The socket or stream is gone."""
        self._taken -= 1

    def take_for(self, user_id: UUID) -> bool:
        """It is this user's; False when the user has enough. `leave_for` gives it back."""
        if self._users[user_id] >= self._most_per_user:
            self._telemetry.limit_hit(Limit.SOCKETS_PER_USER)
            return False
        self._users[user_id] += 1
        return True

    def leave_for(self, user_id: UUID) -> None:
        """The user's socket or stream is gone."""
        self._users[user_id] -= 1
        if not self._users[user_id]:
            del self._users[user_id]
