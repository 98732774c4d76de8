"""Revokes what is pending, on every node."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Protocol, Self

import structlog

from domain.commands.revoke_token import LeaseLost, Postponed, RevokeOutcome
from domain.events import ProviderTokenRevocationFailed, ProviderTokenRevocationSucceeded
from domain.ports import StorageError
from domain.result import Failure, Success
from domain.token_revocation import LeasedRevocation
from infrastructure.database.revocations import RevocationQueue, Turn
from infrastructure.providers.catalogue import Catalogue
from infrastructure.retry import end_task

LEASE = 8.0
"""Seconds for which a worker has a revocation: less than a command that waits for it has."""
REQUEST = 3.5
"""Seconds for one request to a provider."""
INTERVAL = 2.0
"""Seconds between two looks for what is due, when no commit of this process tells of it."""
GATHER, BUSY = 0.05, 0.2
"""Seconds between two looks at least, and while there is work."""
COUNT = 5.0
"""Seconds between two counts of what is pending."""
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 3600.0
"""Seconds until a provider that failed is asked again: doubled each time, with jitter."""
PATIENCE = 5
"""Tries in a row without an outcome, of any users' revocations, until a provider is failing."""
STOP = 1.0
"""Seconds for requests under way, when the server stops."""

_log = structlog.get_logger(__name__)


class RevocationTelemetry(Protocol):
    """Counts what workers do."""

    def revocation_tried(self, provider: str, outcome: str, seconds: float) -> None:
        """One try; its outcome is evidence, a reason of failure, or `postponed`."""

    def revocations_pending(self, count: int, oldest: float) -> None:
        """On all nodes; `oldest` is in seconds."""


def turns(catalogue: Catalogue) -> Sequence[Turn]:
    """Of the providers that have a way to end access."""
    return [
        Turn(
            slug=slug,
            concurrency=entry.concurrency,
            seconds=max(1, len(entry.tokens)) / entry.per_second,
        )
        for slug, entry in catalogue.providers.items()
        if entry.endpoint is not None
    ]


class RevocationWorker:
    """Takes due revocations by lease and runs their command. An async context manager.

    It looks when `due` is set, when one of its own has ended, and at an interval. A lease that it
    does not use to the end, because the process dies, is over by the database's clock.
    """

    def __init__(
        self,
        queue: RevocationQueue,
        revoke: Callable[[LeasedRevocation], Awaitable[RevokeOutcome]],
        turns: Sequence[Turn],
        telemetry: RevocationTelemetry,
        due: asyncio.Event,
    ) -> None:
        self._queue = queue
        self._revoke = revoke
        self._turns = turns
        self._telemetry = telemetry
        self._due = due
        self._failing = _FailingProviders()
        self._running: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._counts_at = 0.0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await end_task(self._task)
        if self._running:
            await asyncio.wait(self._running, timeout=STOP)
        await asyncio.gather(*map(end_task, tuple(self._running)))

    async def _run(self) -> None:
        while True:
            self._due.clear()
            taken = await self._take()
            for leased in taken:
                task = asyncio.create_task(self._try(leased))
                self._running.add(task)
                task.add_done_callback(self._ended)
            # Commits tell of new ones all the time, also when the provider is not to be asked yet.
            await asyncio.sleep(self._pause(taken))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BUSY if self._running else _interval()):
                    await self._due.wait()

    def _pause(self, taken: Sequence[LeasedRevocation]) -> float:
        """Seconds until a provider may be asked again, after what was just taken."""
        if not taken:
            return BUSY if self._running else GATHER
        counts = Counter(leased.provider_slug for leased in taken)
        again = (turn.seconds * counts[turn.slug] for turn in self._turns if turn.slug in counts)
        return max(GATHER, min((BUSY, *again)))

    async def _take(self) -> Sequence[LeasedRevocation]:
        loop = asyncio.get_running_loop()
        try:
            if loop.time() >= self._counts_at:
                self._counts_at = loop.time() + COUNT
                backlog = await self._queue.backlog()
                self._telemetry.revocations_pending(backlog.count, backlog.oldest)
            return await self._queue.lease(self._turns, LEASE)
        except StorageError:
            return []  # the adapter has logged it
        except Exception:  # noqa: BLE001 (logged; the next look may do better)
            _log.exception("revocation_worker_faulty")
            return []

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._due.set()  # its place at the provider is free

    async def _try(self, leased: LeasedRevocation) -> None:
        began = perf_counter()
        try:
            outcome = await self._revoke(leased)
        except Exception:  # noqa: BLE001 (logged; its lease runs out)
            _log.exception("revocation_faulty", attempt_id=str(leased.attempt_id))
            return
        name = self._noted(leased.provider_slug, outcome)
        self._telemetry.revocation_tried(leased.provider_slug, name, perf_counter() - began)

    def _noted(self, slug: str, outcome: RevokeOutcome) -> str:
        match outcome:
            case Success(value=recorded):
                match recorded.event:
                    case ProviderTokenRevocationSucceeded(evidence=evidence):
                        self._failing.answered(slug)
                        return evidence.value
                    case ProviderTokenRevocationFailed(reason=reason):
                        return reason.value
            case Failure(error=Postponed(answer=answer)):
                self._failing.postponed(slug, answer.code)
                return "postponed"
            case Failure(error=LeaseLost()):
                return "lease_lost"
        raise AssertionError("every outcome is named")


def _interval() -> float:
    return INTERVAL * random.uniform(0.75, 1.25)  # noqa: S311


class _FailingProviders:
    """Logs once that a provider fails, and once that it confirms again."""

    def __init__(self) -> None:
        self._failures: Counter[str] = Counter()

    def postponed(self, slug: str, code: str) -> None:
        self._failures[slug] += 1
        if self._failures[slug] == PATIENCE:
            _log.warning(
                "provider_failing", provider=slug, code=code, advice="see `unplug revocations`"
            )

    def answered(self, slug: str) -> None:
        if self._failures.pop(slug, 0) >= PATIENCE:
            _log.info("provider_confirms_again", provider=slug)
