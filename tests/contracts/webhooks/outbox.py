"""One database with commits, endpoints and workers, whose clock can be put forward."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from domain.events import RecordedEvent
from domain.identifiers import UserId
from infrastructure.database.statements import Statement
from infrastructure.database.store import Store
from infrastructure.observability.metrics import Metrics
from infrastructure.persistence.event_log import TortoiseEventLog
from infrastructure.webhooks.endpoint_worker import UserLogs
from infrastructure.webhooks.endpoints import Endpoint, Endpoints
from infrastructure.webhooks.managing import ManagedEndpoints, NewEndpoint, NewSecret
from infrastructure.webhooks.signing import new_secret
from infrastructure.webhooks.state import EndpointStatus, status_of
from infrastructure.webhooks.workers import NodeParts, WebhookOptions, WebhookWorkers
from tests.contracts.worlds.postgres_world import PostgresWorld
from tests.contracts.worlds.world import SqliteWorld, attempted
from tests.support.ids import a_connection

SHORT = 0.3
"""Seconds for requests of which a test expects no answer."""
_SQLITE = "strftime('%Y-%m-%d %H:%M:%f+00:00', {}, -$1 || ' seconds')"
_PASSED = [
    Statement(
        f"UPDATE {table} SET {column} = {_SQLITE.format(column)} WHERE {condition}",  # noqa: S608
        postgres=f"UPDATE {table} SET {column} = {column} - make_interval(secs => $1)"  # noqa: S608
        f" WHERE {condition}",
    )
    for table, column, condition in (
        ("webhook_deliveries", "due_at", "lease IS NULL"),
        ("webhook_endpoints", "paused_until", "true"),
        ("webhook_secrets", "expires_at", "true"),
    )
]


class Outbox:
    """Over one world. A secret is its own ciphertext here."""

    def __init__(self, world: SqliteWorld | PostgresWorld) -> None:
        self.world = world
        self.log: UserLogs = TortoiseEventLog(world._database.client)
        self.busy = False
        """With commands."""
        self.managed = ManagedEndpoints(self.store)
        self.metrics = Metrics()
        self.decrypt: Callable[[bytes], bytes] = bytes
        self.timeout = 10.0
        self._nodes: list[WebhookWorkers] = []

    @property
    def store(self) -> Store:
        return self.world._database.store

    async def publish(self, user_id: UserId, times: int = 1) -> list[RecordedEvent]:
        """Events of a user, one commit each; the workers are woken."""
        found = []
        for _ in range(times):
            found.append(await self.world.bus.publish(attempted(user_id, a_connection())))
            self.wake()
        return found

    async def add(self, url: str, *types: str, from_start: bool = False) -> tuple[UUID, str]:
        """A new endpoint's id and secret."""
        endpoint_id, secret = uuid7(), new_secret()
        await self.managed.add(
            NewEndpoint(
                id=endpoint_id, url=url, event_types=frozenset(types) or None, from_start=from_start
            ),
            NewSecret(id=uuid7(), endpoint_id=endpoint_id, encrypted=secret.encode()),
        )
        return endpoint_id, secret

    async def rotate(self, endpoint_id: UUID, overlap: float) -> str:
        secret = new_secret()
        new = NewSecret(id=uuid7(), endpoint_id=endpoint_id, encrypted=secret.encode())
        await self.managed.rotate(new, overlap)
        return secret

    async def endpoint(self, endpoint_id: UUID) -> Endpoint:
        (found,) = [each for each in await Endpoints(self.store).all() if each.id == endpoint_id]
        return found

    async def status(self, endpoint_id: UUID) -> EndpointStatus:
        return await status_of(self.store, endpoint_id)

    async def pass_time(self, seconds: float) -> None:
        """For pauses and overlaps, not for leases that are held."""
        for statement in _PASSED:
            await self.store.execute(statement, float(seconds))
        self.wake()

    def wake(self) -> None:
        for node in self._nodes:
            node.wake()

    @contextlib.asynccontextmanager
    async def node(self) -> AsyncIterator[WebhookWorkers]:
        """Workers of one node, as in a server."""
        parts = NodeParts(
            store=self.store,
            logs=self.log,
            is_busy=lambda: self.busy,
            now=lambda: datetime.now(UTC),
        )
        options = WebhookOptions(
            timeout=self.timeout, private_addresses=False, proxies=False, decrypt=self.decrypt
        )
        workers = WebhookWorkers(parts, options, self.metrics)
        await workers.look()  # makes a new endpoint active
        await workers.look()
        async with workers:
            self._nodes.append(workers)
            yield workers
            self._nodes.remove(workers)

    async def settled(self, within: float = 20.0) -> None:
        """Nothing is under way."""
        statement = Statement("SELECT user_id FROM webhook_deliveries WHERE lease IS NOT NULL")
        async with asyncio.timeout(within):
            while await self.store.execute(statement):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def delivered(self, endpoint_ids: Sequence[UUID], within: float = 20.0) -> None:
        """Until no user is behind."""
        async with asyncio.timeout(within):
            while [i for i in endpoint_ids if (await self.status(i)).behind]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
