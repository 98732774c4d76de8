"""Counters that end with their window, in memory."""

import time

from limits.storage import Storage

SWEEP_EVERY = 1.0


class Windows(Storage):
    """A storage for `limits`, for one thread: the library's own starts a timer thread up to a
    hundred times a second to drop what has expired. Here the first hit of a second does it.
    """

    STORAGE_SCHEME = None

    def __init__(self) -> None:
        super().__init__()
        self._windows: dict[str, tuple[int, float]] = {}
        self._swept = 0.0

    @property
    def base_exceptions(self) -> type[Exception]:
        """What a broken storage would raise; this one can't break."""
        return OSError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """The count of a window that begins with its first hit and ends `expiry` seconds later."""
        now = time.monotonic()
        if now >= self._swept + SWEEP_EVERY:
            self._windows = {k: window for k, window in self._windows.items() if window[1] > now}
            self._swept = now
        count, ends = self._windows.get(key, (0, 0.0))
        if ends <= now:
            count, ends = 0, now + expiry
        self._windows[key] = (count + amount, ends)
        return count + amount

    def get(self, key: str) -> int:
        """The count of a window that has not ended, else 0."""
        count, ends = self._windows.get(key, (0, 0.0))
        return count if ends > time.monotonic() else 0

    def get_expiry(self, key: str) -> float:
        """When the window ends (Unix time)."""
        now = time.monotonic()
        _, ends = self._windows.get(key, (0, now))
        return time.time() + ends - now

    def check(self) -> bool:
        """Memory is always there."""
        return True

    def reset(self) -> int:
        """Forgets all windows; returns how many."""
        dropped = len(self._windows)
        self._windows = {}
        return dropped

    def clear(self, key: str) -> None:
        """Forgets one window."""
        self._windows.pop(key, None)
