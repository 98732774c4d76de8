"""A node's workers: one for each active endpoint, beside those of the other nodes."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from typing import Self
from uuid import UUID

import structlog

from domain.ports import Now, StorageError, UnknownKey
from infrastructure.database.statements import Statement
from infrastructure.database.store import Store
from infrastructure.observability.metrics import Metrics, WebhookMeasurement
from infrastructure.outbound_http import OutboundHttp
from infrastructure.retry import end_task
from infrastructure.webhooks.endpoint_worker import AT_ONCE, EndpointWorker, UserLogs, WorkerParts
from infrastructure.webhooks.endpoints import Endpoint, Endpoints, EndpointState
from infrastructure.webhooks.pace import Pace
from infrastructure.webhooks.queue import DeliveryQueue
from infrastructure.webhooks.sender import Sender, Target, webhook_limits
from infrastructure.webhooks.starting import Starting
from infrastructure.webhooks.state import status_of

INTERVAL = 1.0
"""Seconds between two looks at the endpoints."""
MEASURED_EVERY = 15
"""Looks between two measurements of how far endpoints are behind."""
REMOVED_AT_ONCE = 1000
TOMBSTONE = 3600.0
"""Seconds for which a removed endpoint is known: no commit that has not seen it go lasts longer."""
LEASE = 3.0
"""Times the timeout of a request: half of it is left for a user's turn, and one for its last
request."""

_FORGET_DELIVERIES = Statement(
    "DELETE FROM webhook_deliveries WHERE (endpoint_id, user_id) IN ("
    " SELECT d.endpoint_id, d.user_id FROM webhook_endpoints AS e"
    " JOIN webhook_deliveries AS d ON d.endpoint_id = e.id WHERE e.state = 'removed' LIMIT $1)"
)
_FORGET_ENDPOINTS = Statement(
    "DELETE FROM webhook_endpoints WHERE state = 'removed' AND removed_at < @after($1)"
    " AND NOT EXISTS (SELECT 1 FROM webhook_deliveries WHERE endpoint_id = webhook_endpoints.id)"
)
_EXPIRED = Statement("SELECT id FROM webhook_secrets WHERE expires_at <= @now")
_FORGET_SECRETS = Statement("DELETE FROM webhook_secrets WHERE expires_at <= @now", destroys=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookOptions:
    """`timeout`: seconds for one request. `decrypt` raises `UnknownKey`."""

    timeout: float
    private_addresses: bool
    proxies: bool
    decrypt: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeParts:
    """What the workers use of their node. `is_busy`: whether commands run now."""

    store: Store
    logs: UserLogs
    is_busy: Callable[[], bool]
    now: Now


class WebhookWorkers:
    """Looks every second which endpoints there are, and keeps a worker for each.

    An async context manager; a clean stop makes what was under way due again.
    """

    def __init__(self, node: NodeParts, options: WebhookOptions, metrics: Metrics) -> None:
        self._store = node.store
        self._options = options
        self._metrics = metrics
        self._now = node.now
        self._endpoints = Endpoints(node.store)
        self._starting = Starting(node.store)
        self.queue = DeliveryQueue(node.store, LEASE * options.timeout)
        self._parts = WorkerParts(
            queue=self.queue,
            logs=node.logs,
            pace=Pace(node.is_busy),
            on_answer=metrics.webhook_answered,
            turn_seconds=(LEASE - 1) / 2 * options.timeout,
        )
        self.workers: dict[UUID, EndpointWorker] = {}
        self._running: dict[UUID, AsyncExitStack] = {}
        self._looks = count()
        self._looking = asyncio.Lock()
        self._unreadable: set[UUID] = set()
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger(__name__)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await end_task(self._task)
        await asyncio.gather(*map(self._stop, tuple(self._running)))

    def wake(self) -> None:
        """This node has committed events."""
        for worker in self.workers.values():
            worker.wake()

    async def look(self) -> None:
        """Once, after those that are under way. Raises `StorageError`."""
        async with self._looking:
            await self._look()

    async def _look(self) -> None:
        found = await self._endpoints.all()
        active = {each.id: each for each in found if each.state is EndpointState.ACTIVE}
        for gone in self._running.keys() - active.keys():
            await self._stop(gone)
        for endpoint in active.values():
            await self._keep(endpoint)
            await self._starting.add_history(endpoint)
        for endpoint in found:
            if endpoint.state is EndpointState.STARTING:
                await self._starting.activate(endpoint)
        if next(self._looks) % MEASURED_EVERY == 0:
            await self._measure(found)
            await self._forget()

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except StorageError:
                pass  # the adapters have logged it
            except Exception:  # noqa: BLE001 (logged; the next look may do better)
                self._log.exception("webhooks_faulty")
            await asyncio.sleep(INTERVAL * random.uniform(0.75, 1.25))  # noqa: S311

    async def _keep(self, endpoint: Endpoint) -> None:
        """A worker that knows the endpoint as it is now; none without a key to its secrets."""
        target = self._target(endpoint)
        if target is None:
            await self._stop(endpoint.id)
        elif (worker := self.workers.get(endpoint.id)) is not None:
            worker.target = target
        else:
            await self._start(target)

    def _target(self, endpoint: Endpoint) -> Target | None:
        try:
            secrets = [self._options.decrypt(secret).decode() for secret in endpoint.secrets]
        except UnknownKey:
            secrets = []
        if not secrets:
            if endpoint.id not in self._unreadable:
                self._log.error("webhook_secret_unreadable", endpoint=str(endpoint.id))
            self._unreadable.add(endpoint.id)
            return None
        self._unreadable.discard(endpoint.id)
        return Target(
            endpoint_id=endpoint.id,
            url=endpoint.url,
            secrets=secrets,
            event_types=endpoint.event_types,
            private_addresses=self._options.private_addresses or endpoint.on_loopback,
        )

    async def _start(self, target: Target) -> None:
        """Connections of its own: an endpoint that hangs takes none from the others."""
        stack = AsyncExitStack()
        limits = webhook_limits(self._options.timeout, AT_ONCE)
        http = await stack.enter_async_context(OutboundHttp(limits, proxies=self._options.proxies))
        worker = EndpointWorker(target, Sender(http, self._now), self._parts)
        self.workers[target.endpoint_id] = await stack.enter_async_context(worker)
        self._running[target.endpoint_id] = stack

    async def _stop(self, endpoint_id: UUID) -> None:
        self.workers.pop(endpoint_id, None)
        stack = self._running.pop(endpoint_id, None)
        if stack is not None:
            await stack.aclose()

    async def _measure(self, found: Sequence[Endpoint]) -> None:
        measured = {}
        for endpoint in found:
            status = await status_of(self._store, endpoint.id)
            measured[endpoint.id] = WebhookMeasurement(
                state=status.described(endpoint.state),
                last_status=status.last_status or "none",
                behind=status.behind,
                oldest_seconds=status.oldest.total_seconds(),
            )
        self._metrics.webhooks_measured(measured)

    async def _forget(self) -> None:
        """What is left of removed endpoints, and secrets that were replaced."""
        await self._store.execute(_FORGET_DELIVERIES, REMOVED_AT_ONCE)
        await self._store.execute(_FORGET_ENDPOINTS, -TOMBSTONE)
        if await self._store.execute(_EXPIRED):
            await self._store.execute(_FORGET_SECRETS)
