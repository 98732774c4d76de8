"""Delivers to one endpoint: users side by side, each user's events one after another."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self
from uuid import UUID

import structlog

from domain.events import RecordedEvent
from domain.identifiers import UserId
from domain.ports import StorageError
from infrastructure.retry import end_task
from infrastructure.webhooks.answers import Answer, Meaning, pause_after
from infrastructure.webhooks.endpoints import EndpointState
from infrastructure.webhooks.messages import message_of
from infrastructure.webhooks.pace import Pace
from infrastructure.webhooks.queue import Delivery, DeliveryQueue, Progress
from infrastructure.webhooks.sender import Sender, Target

AT_ONCE = 8
"""Users who are delivered to one endpoint at a time, by one node."""
PAGE, FEW = 100, 10
"""Events that are read for a user's turn; beside commands there is time for a few."""
POLL = 1.0
"""Seconds between two looks for what other nodes have committed, and for pauses that are over."""
LATER = 1.0
"""Seconds until another node may know an event, or a log can be read."""
ANSWERED_EVERY = 10.0
"""Seconds between two notes of the last status of an endpoint that works."""


class UserLogs(Protocol):
    """The log, as the workers read it."""

    async def following(
        self, user_id: UserId, position: int, limit: int
    ) -> Sequence[RecordedEvent]:
        """A user's events after a position. Raises `StorageError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerParts:
    """What all workers of a node share."""

    queue: DeliveryQueue
    logs: UserLogs
    pace: Pace
    on_answer: Callable[[UUID, str], None]
    turn_seconds: float
    """After so many seconds a user's turn ends, in time for its last request and the lease."""


class EndpointWorker:
    """Takes due users by lease, beside the other nodes' workers.

    An async context manager: at its end, requests are cut off and their users are due again.
    """

    def __init__(self, target: Target, sender: Sender, parts: WorkerParts) -> None:
        self.target = target
        self._sender = sender
        self._parts = parts
        self._queue = parts.queue
        self._deliveries: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._noted = ("", 0.0)
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger(__name__).bind(endpoint=str(target.endpoint_id))

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await end_task(self._task)
        await asyncio.gather(*map(end_task, tuple(self._deliveries)))

    def wake(self) -> None:
        """There may be something to deliver."""
        self._wake.set()

    async def turn(self) -> bool:
        """Takes up more users, if there are any; says whether. Raises `StorageError`."""
        free = AT_ONCE - len(self._deliveries)
        endpoint_id = self.target.endpoint_id
        claimed = await self._queue.claim(endpoint_id, free) if free else []
        if free == AT_ONCE and not claimed:
            claimed = await self._queue.claim_probe(endpoint_id)
        for delivery in claimed:
            task = asyncio.create_task(self._deliver(delivery))
            self._deliveries.add(task)
            task.add_done_callback(self._delivered)
        return bool(claimed)

    def _delivered(self, task: "asyncio.Task[None]") -> None:
        self._deliveries.discard(task)
        self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            await self._parts.pace.turn()
            try:
                took = await self.turn()
            except StorageError:
                took = False  # the adapters have logged it
            except Exception:  # noqa: BLE001 (logged; the next turn may do better)
                self._log.exception("webhook_faulty")
                took = False
            if not took:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL):
                        await self._wake.wait()

    async def _deliver(self, delivery: Delivery) -> None:
        turn = _Turn(delivery)
        try:
            await self._deliver_in_order(turn)
        except StorageError:
            turn.progress = replace(turn.progress, pause=LATER)
        except Exception:  # noqa: BLE001 (logged; a fault of ours must not stop the others)
            self._log.exception("webhook_faulty")
            turn.progress = replace(turn.progress, pause=LATER)
        finally:
            with contextlib.suppress(StorageError):  # the lease will end by itself
                await self._queue.settle(delivery, turn.progress)

    async def _deliver_in_order(self, turn: "_Turn") -> None:
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._parts.turn_seconds
        delivery = turn.delivery
        limit = FEW if self._parts.pace.is_busy else PAGE
        events = await self._parts.logs.following(delivery.user_id, delivery.position, limit)
        if not events:
            turn.progress = replace(turn.progress, pause=LATER)  # a standby that is behind
        for recorded in events:
            message = message_of(recorded)
            if message is None:  # a newer version wrote it, and its nodes can send it
                turn.progress = replace(turn.progress, pause=LATER)
                return
            if self.target.wants(message.type):
                await self._parts.pace.turn()
                if loop.time() > ends:
                    return
                answer = await self._sender.send(self.target, message)
                self._parts.on_answer(self.target.endpoint_id, answer.status)
                if answer.meaning is not Meaning.DELIVERED:
                    await self._failed(turn, recorded, answer)
                    return
                await self._note(answer, delivery)
            event = recorded.event
            turn.progress = Progress(
                position=recorded.position, event_id=event.id, since=event.occurred_at
            )

    async def _note(self, answer: Answer, delivery: Delivery) -> None:
        """The endpoint works. Not written down for every event."""
        status, noted_at = self._noted
        now = asyncio.get_running_loop().time()
        if delivery.failures or status != answer.status or now - noted_at > ANSWERED_EVERY:
            self._noted = answer.status, now
            await self._queue.answered(self.target.endpoint_id, answer.status)

    async def _failed(self, turn: "_Turn", recorded: RecordedEvent, answer: Answer) -> None:
        """Pauses the endpoint or the user, according to the answer."""
        delivery, tried = turn.delivery, turn.progress.tries + 1
        self._noted = ("", 0.0)
        self._log.warning(
            "webhook_failed", event_id=str(recorded.event.id), status=answer.status, tries=tried
        )
        # An event that failed before is to blame when the endpoint took others meanwhile.
        blamed = tried > 1 and delivery.failures == 0
        turn.progress = replace(turn.progress, tries=tried)
        if blamed or answer.meaning is Meaning.EVENT_REFUSED:
            pause = pause_after(tried, answer.retry_after)
            turn.progress = replace(turn.progress, pause=pause or 0.0, stopped=pause is None)
        await self._tell(delivery, answer)

    async def _tell(self, delivery: Delivery, answer: Answer) -> None:
        endpoint_id, status = self.target.endpoint_id, answer.status
        match answer.meaning:
            case Meaning.GONE:
                await self._queue.ended(endpoint_id, status, EndpointState.DISABLED)
            case Meaning.ENDPOINT_FAILED:
                failures = delivery.failures
                pause = pause_after(failures + 1, answer.retry_after)
                if pause is None:
                    await self._queue.ended(endpoint_id, status, EndpointState.FAILING)
                else:
                    await self._queue.failed(endpoint_id, status, failures, pause)
            case _:
                await self._queue.answered(endpoint_id, status)


@dataclass(slots=True)
class _Turn:
    """A delivery, and how far it has come."""

    delivery: Delivery
    progress: Progress

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.progress = Progress(position=delivery.position, tries=delivery.tries)
