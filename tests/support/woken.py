"""Listeners and senders for tests of wake-ups."""

import asyncio
from collections.abc import Callable
from uuid import UUID

from infrastructure.live.wake_ups import Listeners, NoWakeUps, Wake


class Woken:
    """Counts how often it was woken. Call it to wake it."""

    def __init__(self) -> None:
        self.times = 0
        self._woken = asyncio.Event()

    def __call__(self) -> None:
        self.times += 1
        self._woken.set()

    async def once_more(self, than: int = 0) -> None:
        """Until it was woken more often than that."""
        await eventually(lambda: self.times > than, self._woken)


class ManualWakeUps(NoWakeUps):
    """The test decides when another node's wake-up arrives."""

    def __init__(self) -> None:
        self.listeners = Listeners()

    def listen(self, user_id: UUID, wake: Wake) -> Callable[[], None]:
        return self.listeners.add(user_id, wake)

    def arrive(self, user_id: UUID) -> None:
        self.listeners.wake([user_id])


async def eventually(
    condition: Callable[[], bool], changed: asyncio.Event | None = None, within: float = 10.0
) -> None:
    """Until the condition holds; looked at when `changed` is set, else 100 times a second."""
    async with asyncio.timeout(within):
        while not condition():
            if changed is None:
                await asyncio.sleep(0.01)
            else:
                changed.clear()
                await changed.wait()
