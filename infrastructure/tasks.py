"""Ending background tasks."""

import asyncio
from typing import Any

PATIENCE = 1.0


async def end(task: "asyncio.Task[Any] | None") -> None:
    """Cancels it until it has ended.

    Once may not be enough: a driver whose clean-up fails during a cancellation raises that failure
    instead, and a loop that survives failures goes on.
    """
    while task is not None and not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=PATIENCE)
