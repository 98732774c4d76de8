"""Disconnects connections of many users, beside running servers."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from uuid_utils.compat import uuid7

from domain.commands.disconnect_provider import DisconnectProvider, Outcome
from domain.events import Initiator
from domain.identifiers import AttemptId, BatchId
from domain.result import Success
from infrastructure.commands.disconnecting.targets import Target, Targets, chunks

AT_ONCE = 100
"""Connections in one commit of some milliseconds, for which a server's writes wait."""

REST = 7.0
"""Pauses are so many times as long as the work before them, which leaves the database and the
processors to the users."""


@dataclass(slots=True)
class Report:
    """Counts of the connections so far."""

    disconnected: int = 0
    failed: int = 0
    left_alone: int = 0

    def __str__(self) -> str:
        return (
            f"{self.disconnected} disconnected, {self.failed} failed, {self.left_alone} left alone "
            "(disconnected or connected again meanwhile)"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """What the events of a run have in common."""

    batch_id: BatchId
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisconnectTargets:
    """Safe to interrupt and repeat: an interruption lets the attempts that are running end first.

    `probe` raises `StorageError` when a write would be refused now. `on_progress` gets the number
    of connections that were dealt with.
    """

    targets: Targets
    disconnect: Callable[[DisconnectProvider], Awaitable[Outcome]]
    probe: Callable[[], Awaitable[None]]
    report: Report
    on_progress: Callable[[int], None]

    async def run(self, targets: Sequence[Target], reason: Reason) -> None:
        """Raises `StorageError` when the database takes nothing any more; what was done stays."""
        for chunk in chunks(targets, AT_ONCE):
            started = perf_counter()
            await _finished(self._end(chunk, reason))
            self.on_progress(len(chunk))
            await asyncio.sleep(REST * (perf_counter() - started))

    async def _end(self, chunk: Sequence[Target], reason: Reason) -> None:
        unchanged = await self.targets.unchanged(chunk)
        self.report.left_alone += len(chunk) - len(unchanged)
        running = (self.disconnect(_command(target, reason)) for target in unchanged)
        outcomes = await asyncio.gather(*running)
        done = sum(isinstance(outcome, Success) for outcome in outcomes)
        self.report.disconnected += done
        self.report.failed += len(outcomes) - done
        if outcomes and not done:
            await self.probe()


def _command(target: Target, reason: Reason) -> DisconnectProvider:
    return DisconnectProvider(
        user_id=target.user_id,
        connection_id=target.id,
        attempt_id=AttemptId(uuid7()),
        initiator=Initiator.OPERATOR,
        batch_id=reason.batch_id,
        note=reason.note,
    )


async def _finished(work: Coroutine[Any, Any, None]) -> None:
    """Also when this is cancelled meanwhile."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
