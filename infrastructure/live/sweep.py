"""A node's periodic check for events whose wake-up was lost."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Protocol, Self

import structlog

from domain.events import EventCursor
from domain.identifiers import UserId
from domain.ports import StorageError
from infrastructure.live.event_feed import LiveEventFeed
from infrastructure.observability.metrics import Metrics
from infrastructure.retry import end_task

log = structlog.get_logger(__name__)

INTERVAL = 2.0

ABANDONED_AFTER = 30.0
"""Seconds after which any node closes an attempt without an outcome as `INTERRUPTED`."""


class Heads(Protocol):
    """What the sweep asks of the event log."""

    async def moved(self, known: Sequence[EventCursor]) -> Mapping[UserId, int]:
        """The last positions of the logs that end with another event than the one known.

        0 for a log that does not go on behind it: that history was replaced. For one that goes on,
        reading tells. Raises `StorageError`.
        """

    async def open_attempts(self) -> int:
        """How many attempts have no outcome. Raises `StorageError`."""


class Sweep:
    """Makes every wake-up safe to lose, and every process safe to kill.

    Every `interval` seconds, give or take a quarter so that nodes don't meet: one query for all
    users who are live on this node finds logs that have grown unheard or were replaced, and
    attempts that have been open for too long are closed.
    """

    def __init__(
        self,
        feed: LiveEventFeed,
        heads: Heads,
        close_abandoned: Callable[[timedelta], Awaitable[int]],
        metrics: Metrics,
        interval: float = INTERVAL,
    ) -> None:
        self._feed = feed
        self._heads = heads
        self._close_abandoned = close_abandoned
        self._metrics = metrics
        self._interval = interval

    async def __aenter__(self) -> Self:
        """Sweeps for the first time after an interval."""
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await end_task(self._task)

    async def sweep(self) -> None:
        """Once. Raises `StorageError`."""
        await self._find_unheard()
        closed = await self._close_abandoned(timedelta(seconds=ABANDONED_AFTER))
        if closed:
            log.warning("attempts_interrupted", count=closed)
        self._metrics.attempts_open(await self._heads.open_attempts())

    async def _find_unheard(self) -> None:
        known = self._feed.ends()
        if not known:
            return
        missed = replaced = 0
        for user_id, head in (await self._heads.moved(known)).items():
            if head == 0:  # logs only grow: a restore or a crash has replaced this one
                replaced += self._feed.lose(user_id)
            else:
                missed += self._feed.has_grown(user_id, head)
        if missed:
            self._metrics.wake_ups_missed(missed)
        if replaced:
            log.warning("logs_replaced", users=replaced)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval * random.uniform(0.75, 1.25))  # noqa: S311
            try:
                await self.sweep()
            except StorageError:
                pass  # the adapters have logged it
            except Exception:
                log.exception("sweep_failed")
