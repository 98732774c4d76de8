"""What a process holds for clients that have not read it yet."""

from collections.abc import Callable, Hashable

MOST_UNREAD = 32 * 1024 * 1024


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
