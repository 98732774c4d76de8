"""Wake-ups over PostgreSQL's LISTEN and NOTIFY."""

import asyncio
import base64
import binascii
import contextlib
import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Self
from uuid import UUID

import asyncpg

from infrastructure.live.wake_ups import Listeners, Wake
from infrastructure.observability.metrics import Metrics
from infrastructure.retry import Outage, end_task, keep_up

CHANNEL = "unplug_log_has_grown"
SPACING = 0.05
ANSWERS_WITHIN = 5.0
IDLE_CHECK = 5.0
USERS_PER_PAYLOAD = 300
MOST_PENDING = 10_000


class NotifyWakeUps:
    """On one connection of its own, which must reach the server itself and no pooling proxy.

    Every node hears of every user. A NOTIFY takes a lock that all of the server's commits with a
    NOTIFY share, so a burst is gathered: the first wake-up leaves at once, and what comes within
    `SPACING` seconds after it leaves together.
    """

    def __init__(self, database_url: str, metrics: Metrics) -> None:
        self._database_url = database_url
        self._metrics = metrics
        self._listeners = Listeners()
        self._pending: set[UUID] = set()
        self._work = asyncio.Event()
        self._outage = Outage("wake-ups over PostgreSQL")
        self.healthy = False

    def send(self, user_ids: Iterable[UUID]) -> None:
        # Without a server to take them they must not pile up; other nodes' sweeps find out.
        if len(self._pending) < MOST_PENDING:
            self._pending.update(user_ids)
            self._work.set()

    def listen(self, user_id: UUID, wake: Wake) -> Callable[[], None]:
        return self._listeners.add(user_id, wake)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(keep_up(self._session, self._outage.begins))
        return self

    async def __aexit__(self, *_: object) -> None:
        await end_task(self._task)

    async def _session(self) -> None:
        connection = await asyncpg.connect(
            self._database_url,
            timeout=ANSWERS_WITHIN,
            statement_cache_size=0,
            # A wake-up that a crash of the server forgets is worth no fsync.
            server_settings={"application_name": "unplug wake-ups", "synchronous_commit": "off"},
        )
        try:
            connection.add_termination_listener(lambda _connection: self._work.set())
            async with asyncio.timeout(ANSWERS_WITHIN):
                heard = functools.partial(self._received, connection.get_server_pid())
                await connection.add_listener(CHANNEL, heard)
            self.healthy = True
            self._outage.ends()
            self._listeners.wake_all()
            while not connection.is_closed():
                await self._notify(connection)
        finally:
            self.healthy = False
            connection.terminate()

    async def _notify(self, connection: asyncpg.Connection) -> None:
        """Sends what is pending; from time to time finds out whether the server still answers."""
        if not self._pending:
            self._work.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE_CHECK):
                    await self._work.wait()
        users, self._pending = self._pending, set()
        try:
            await connection.execute(
                "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload",
                CHANNEL,
                _payloads(users),
                timeout=ANSWERS_WITHIN,
            )
        except BaseException:
            self._pending |= users
            raise
        if users:
            self._metrics.wake_ups_sent(len(users))
            await asyncio.sleep(SPACING)

    def _received(
        self, own_pid: int, _connection: object, pid: int, _channel: str, payload: object
    ) -> None:
        # Asked nothing of the connection: a message that was read may be handed on after its end.
        if pid != own_pid:
            users = _decode(str(payload))
            self._metrics.wake_ups_received(len(users))
            self._listeners.wake(users)


def _payloads(users: Iterable[UUID]) -> Sequence[str]:
    """As few as possible: one has less than 8,000 bytes."""
    raw = b"".join(user.bytes for user in users)
    size = 16 * USERS_PER_PAYLOAD
    return [base64.b64encode(raw[at : at + size]).decode() for at in range(0, len(raw), size)]


def _decode(payload: str) -> Sequence[UUID]:
    """Empty when the payload is not ours: every role that may connect may NOTIFY."""
    try:
        raw = base64.b64decode(payload, validate=True)
        return [UUID(bytes=raw[at : at + 16]) for at in range(0, len(raw), 16)]
    except (binascii.Error, ValueError):
        return []
