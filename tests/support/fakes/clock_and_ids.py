"""Time and identifiers that are the same in every run."""

from datetime import UTC, datetime, timedelta
from uuid import UUID


class FakeClock:
    """Stands still until it is told to move."""

    def __init__(self, now: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


class FakeIds:
    """UUIDv7s that count up."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self) -> UUID:
        self._last += 1
        return UUID(int=(0x7 << 76) | (0b10 << 62) | self._last)
