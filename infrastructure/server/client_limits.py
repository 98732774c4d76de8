"""What one client may do before it is cut off, and what a process holds for all of them."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

MOST_UNREAD = 32 * 1024 * 1024

STALLED = "stalled"
UNREAD = "unread"
FRAMES = "messages"
"""Names of limits, for the metrics."""


def _not_told(_limit: str) -> None:
    """No listener."""


class UnreadBudget:
    """Bytes in the write buffers of connections that are behind.

    When there are more than `most`, the connection with the most is cut off, and so on: large
    responses go before streams, and streams are resumed by their clients.
    """

    def __init__(self, most: int = MOST_UNREAD) -> None:
        self._most = most
        self._total = 0
        self._held: dict[Hashable, tuple[int, Callable[[], None]]] = {}

    def hold(self, connection: Hashable, size: int, cut: Callable[[], None]) -> None:
        """The connection is behind by so many bytes. `cut` ends it, at once or later."""
        self.release(connection)
        self._held[connection] = (size, cut)
        self._total += size
        while self._total > self._most:
            most_behind = max(self._held, key=lambda held: self._held[held][0])
            _, end = self._held[most_behind]
            self.release(most_behind)
            end()

    def release(self, connection: Hashable) -> None:
        """The connection has caught up, or is gone. May be repeated."""
        size, _ = self._held.pop(connection, (0, None))
        self._total -= size


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLimits:
    """`on_cut` is called with the limit's name when a client is cut off.

    `stall_seconds`: without progress in reading, or in sending a request. `keep_alive_seconds`: of
    an idle connection between requests; a proxy should close idle ones earlier, or it sends a
    request into one that is closing. `frames_per_second`: on a WebSocket, control frames and
    fragments, which the application does not see. `unread` is shared by all clients.
    """

    stall_seconds: float = 10.0
    keep_alive_seconds: int = 75
    frames_per_second: int = 100
    unread: UnreadBudget = field(default_factory=UnreadBudget)
    on_cut: Callable[[str], None] = _not_told
