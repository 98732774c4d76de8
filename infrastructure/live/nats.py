"""Wake-ups over NATS core: a subject per user."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Self
from uuid import UUID

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from infrastructure.live.wake_ups import Listeners, Wake
from infrastructure.observability.metrics import Metrics
from infrastructure.retry import Outage, end_task, keep_up

SUBJECT = "unplug.log-has-grown."
ANSWERS_WITHIN = 5
PING_INTERVAL = 5
MOST_PENDING = 10_000


class NatsWakeUps:
    """A node hears only of the users who have a live subscription on it.

    The servers are alternatives, as `nats://` or `tls://` URLs with user and password or a token
    in them. Every session is a new client: it subscribes anew and then wakes all readers.
    """

    def __init__(
        self, servers: Sequence[str], metrics: Metrics, *, tls: ssl.SSLContext | None = None
    ) -> None:
        self._servers = list(servers)
        self._metrics = metrics
        self._tls = tls
        self._listeners = Listeners()
        self._pending: set[UUID] = set()
        self._changed: set[UUID] = set()
        self._subscriptions: dict[UUID, Subscription] = {}
        self._work = asyncio.Event()
        self._outage = Outage("wake-ups over NATS")
        self.healthy = False

    def send(self, user_ids: Iterable[UUID]) -> None:
        # Without a server to take them they must not pile up; other nodes' sweeps find out.
        if len(self._pending) < MOST_PENDING:
            self._pending.update(user_ids)
            self._work.set()

    def listen(self, user_id: UUID, wake: Wake) -> Callable[[], None]:
        stop = self._listeners.add(user_id, wake)
        self._reconsider(user_id)

        def stop_listening() -> None:
            stop()
            self._reconsider(user_id)

        return stop_listening

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(keep_up(self._session, self._outage.begins))
        return self

    async def __aexit__(self, *_: object) -> None:
        await end_task(self._task)

    def _reconsider(self, user_id: UUID) -> None:
        if (user_id in self._listeners) != (user_id in self._subscriptions):
            self._changed.add(user_id)
            self._work.set()

    async def _session(self) -> None:
        client = Client()
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                await self._connect(client)
            self._changed = set(self._listeners.user_ids)
            self._work.set()
            while not client.is_closed:
                await self._work.wait()
                self._work.clear()
                await self._publish(client)
                await self._subscribe(client)
                if not client.is_closed:
                    self.healthy = True
                    self._outage.ends()
        finally:
            self.healthy = False
            self._subscriptions = {}
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ANSWERS_WITHIN):
                    await client.close()

    async def _connect(self, client: Client) -> None:
        async def closed() -> None:
            self._work.set()

        async def ignore(_error: Exception) -> None:
            """What matters ends the session."""

        await client.connect(
            self._servers,
            name="unplug",
            tls=self._tls,
            no_echo=True,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=ANSWERS_WITHIN,
            ping_interval=PING_INTERVAL,
            max_outstanding_pings=1,
            closed_cb=closed,
            error_cb=ignore,
        )

    async def _publish(self, client: Client) -> None:
        users, self._pending = self._pending, set()
        try:
            for user_id in users:
                await client.publish(_subject(user_id), b"")
        except nats.errors.Error:
            self._pending |= users
            raise
        self._metrics.wake_ups_sent(len(users))

    async def _subscribe(self, client: Client) -> None:
        """Follows the listeners, and wakes those whose subscription is new."""
        changed, self._changed = self._changed, set()
        new = [user_id for user_id in changed if user_id in self._listeners]
        for user_id in changed:
            known = self._subscriptions.get(user_id)
            if known is None and user_id in self._listeners:
                self._subscriptions[user_id] = await client.subscribe(
                    _subject(user_id), cb=self._wakes(user_id)
                )
            elif known is not None and user_id not in self._listeners:
                await known.unsubscribe()
                del self._subscriptions[user_id]
        if new:
            # The client writes its ping ahead of commands that are pending; they are sent when it
            # is answered, and a second ping follows them.
            for _ in range(2):
                await client.flush(ANSWERS_WITHIN)
            self._listeners.wake(new)

    def _wakes(self, user_id: UUID) -> Callable[[Msg], Awaitable[None]]:
        async def wake(_message: Msg) -> None:
            self._metrics.wake_ups_received(1)
            self._listeners.wake((user_id,))

        return wake


def _subject(user_id: UUID) -> str:
    return SUBJECT + user_id.hex
