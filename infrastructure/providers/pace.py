"""How hard one provider is asked."""

import asyncio
from types import TracebackType


class Pace:
    """At most `concurrency` requests at a time, and `per_second` begun in a second, evenly.

    An async context manager around each request.
    """

    def __init__(self, concurrency: int, per_second: float) -> None:
        self._free = asyncio.Semaphore(concurrency)
        self._interval = 1 / per_second
        self._next = 0.0

    async def __aenter__(self) -> None:
        await self._free.acquire()
        now = asyncio.get_running_loop().time()
        begins = max(now, self._next)
        self._next = begins + self._interval
        try:
            await asyncio.sleep(begins - now)
        except asyncio.CancelledError:
            self._free.release()
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._free.release()
