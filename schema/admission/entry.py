"""How sockets and streams come in, and why they have to go."""

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from time import perf_counter
from typing import TypeAlias

from domain.ports import AccessToken, CallerT
from schema.admission.access_log import AccessLog
from schema.admission.connection_limits import ConnectionLimiter
from schema.admission.draining import OpenStreams
from schema.admission.telemetry import Telemetry
from schema.errors import Limit

MOST_UNAUTHENTICATED = 1_000
"""Sockets that have not said who they are. They hold no place of a user or of the process."""

LONGEST_TIMER = 86_400.0
"""Seconds. The wall clock may be set during a wait, so a longer one looks at it again."""


class EndReason(Enum):
    """Why a socket or stream ends that its client did not end."""

    TOKEN_EXPIRED = "token expired"  # noqa: S105
    RESTART = "restart"
    DISPLACED = "displaced"
    """Too many sockets were unauthenticated, and this one had waited longest."""


End: TypeAlias = Callable[[EndReason], None]


@dataclass(frozen=True, slots=True)
class Peer:
    """What the access log says of a socket or stream."""

    request_id: str
    transport: str


class Admission:
    """One per process: who may enter, over all transports."""

    def __init__(
        self,
        limiter: ConnectionLimiter,
        access_log: AccessLog,
        telemetry: Telemetry,
        most_unauthenticated: int = MOST_UNAUTHENTICATED,
    ) -> None:
        self._most_unauthenticated = most_unauthenticated
        self.limiter = limiter
        self.access_log = access_log
        self.telemetry = telemetry
        self.streams = OpenStreams()
        self._unauthenticated: dict[Entry, None] = {}

    @property
    def draining(self) -> bool:
        """Whether nothing new may begin."""
        return self.streams.draining

    async def drain(self) -> None:
        """Ends everything; returns when nothing is open."""
        await self.streams.drain()

    def enter(self, peer: Peer, end: End) -> "Entry":
        """A socket or stream is here; `end` is called when it has to go, at most once a reason."""
        entry = Entry(self, peer, end)
        self._unauthenticated[entry] = None
        self.streams.enter(entry, lambda: end(EndReason.RESTART))
        if len(self._unauthenticated) > self._most_unauthenticated:
            self.telemetry.limit_hit(Limit.UNAUTHENTICATED_SOCKETS)
            longest = next(iter(self._unauthenticated))
            self.authenticated(longest)
            longest.displace()
        return entry

    def authenticated(self, entry: "Entry") -> None:
        """It is no longer one of the unauthenticated."""
        self._unauthenticated.pop(entry, None)

    def refused(
        self, peer: Peer, outcome: str, caller: Hashable = None, seconds: float = 0.0
    ) -> None:
        """Tells the access log that a socket or stream was turned away."""
        self.access_log.record(
            request_id=peer.request_id,
            transport=peer.transport,
            caller=caller,
            operation=None,
            kind=None,
            outcome=outcome,
            seconds=seconds,
        )


class Entry:
    """One socket or stream, from its first byte to its last."""

    __slots__ = (
        "_admission",
        "_caller",
        "_end",
        "_peer",
        "_placed",
        "_refusal",
        "_started",
        "_timer",
    )

    def __init__(self, admission: Admission, peer: Peer, end: End) -> None:
        self._admission = admission
        self._peer = peer
        self._end = end
        self._started = perf_counter()
        self._caller: Hashable = None
        self._placed = False
        self._timer: asyncio.TimerHandle | None = None
        self._refusal: str | None = None

    def admit(self, token: AccessToken[CallerT]) -> None:
        """Takes the caller's place until `leave`, and ends the stream with its token.

        Raises `Refused` when the user or the process has too many.
        """
        self._admission.authenticated(self)
        self._caller = token.caller
        self._admission.limiter.acquire(self._caller)
        self._placed = True
        self._expire(token.expires_at)

    def refuse(self, outcome: str) -> None:
        """It was turned away; `leave` tells the access log why. The first reason counts."""
        if self._refusal is None:
            self._refusal = outcome

    def displace(self) -> None:
        """Others waited less long for their token."""
        self._end(EndReason.DISPLACED)

    def leave(self) -> None:
        """It has ended. To be called once."""
        if self._timer is not None:
            self._timer.cancel()
        if self._placed:
            self._admission.limiter.release(self._caller)
        self._admission.authenticated(self)
        self._admission.streams.leave(self)
        self._end = _nothing  # ends a cycle
        if self._refusal is not None:
            seconds = perf_counter() - self._started
            self._admission.refused(self._peer, self._refusal, self._caller, seconds)

    def _expire(self, at: datetime) -> None:
        left = (at - datetime.now(UTC)).total_seconds()
        if left <= 0:
            self._end(EndReason.TOKEN_EXPIRED)
        else:
            self._timer = asyncio.get_running_loop().call_later(
                min(left, LONGEST_TIMER), self._expire, at
            )


def _nothing(_: EndReason) -> None:
    """The stream has ended already."""
