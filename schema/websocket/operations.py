"""What runs on one WebSocket."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic

from graphql import GraphQLError, OperationType

from domain.ports import AccessToken, CallerT
from schema.admission.entry import Admission
from schema.admission.rate_limits import MessageRate
from schema.errors import ErrorCode, Limit, Refused, request_error
from schema.execution.gateway import Call, Gateway
from schema.execution.request import GraphQLRequest
from schema.websocket import protocol
from schema.websocket.frame_sender import FrameSender
from schema.websocket.subscription import TRANSPORT, SocketSubscription


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketLimits:
    """What may happen on each socket.

    `operations` run at once: subscriptions above all. `init_seconds` is how long a client may take
    to send `connection_init`.
    """

    operations: int = 50
    messages_per_second: int = 100
    init_seconds: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketParts(Generic[CallerT]):
    """What all sockets of a process share."""

    gateway: Gateway[CallerT]
    admission: Admission
    rate: MessageRate
    limits: SocketLimits


class SocketOperations(Generic[CallerT]):
    """A caller's operations by their ids.

    A query or mutation has a task while it runs; a subscription has none. `lost` is called when a
    subscription can't go on.
    """

    __slots__ = ("_lost", "_parts", "_running", "_sender", "_socket_id", "_token")

    def __init__(
        self,
        socket_id: str,
        token: AccessToken[CallerT],
        parts: SocketParts[CallerT],
        sender: FrameSender,
        lost: Callable[[], None],
    ) -> None:
        self._socket_id = socket_id
        self._token = token
        self._parts = parts
        self._sender = sender
        self._lost = lost
        self._running: dict[str, SocketSubscription | asyncio.Task[None]] = {}

    def __contains__(self, id_: str) -> bool:
        return id_ in self._running

    async def start(self, id_: str, request: GraphQLRequest | Refused) -> None:
        """Returns when a subscription has begun; a query or mutation continues in a task."""
        call = Call(request_id=self._socket_id, transport=TRANSPORT, token=self._token)
        try:
            if self._prepare(call, request) is not OperationType.SUBSCRIPTION:
                self._running[id_] = asyncio.create_task(self._execute(id_, call))
                return
            self._running[id_] = SocketSubscription(
                id_,
                await self._parts.gateway.subscribe(call),
                self._sender,
                self._parts.admission.telemetry,
                self._lost,
            )
        except Refused as refused:
            call.errors = refused.errors
            self._sender.post([protocol.error(id_, refused.errors)])
        self._parts.gateway.record(call)

    def stop(self, id_: str) -> None:
        """Ends a subscription. A query or mutation runs to its end, as over HTTP, and its answer
        is dropped.
        """
        running = self._running.pop(id_, None)
        if isinstance(running, SocketSubscription):
            running.stop()

    def stop_all(self) -> None:
        """Ends all operations of this socket."""
        for id_ in tuple(self._running):
            self.stop(id_)

    def resume(self) -> None:
        """The socket has room again."""
        for running in tuple(self._running.values()):
            if isinstance(running, SocketSubscription):
                running.resume()

    async def answered(self) -> None:
        """Returns when no query and no mutation runs."""
        while tasks := [r for r in self._running.values() if isinstance(r, asyncio.Task)]:
            await asyncio.wait(tasks)

    def _prepare(self, call: Call[CallerT], request: GraphQLRequest | Refused) -> OperationType:
        if isinstance(request, Refused):
            raise request
        self._admit()
        return self._parts.gateway.prepare(call, request)

    def _admit(self) -> None:
        most = self._parts.limits.operations
        if len(self._running) >= most:
            self._parts.admission.telemetry.limit_hit(Limit.SUBSCRIPTIONS)
            message = (
                f"At most {most} operations run on one socket. Complete some, or open another."
            )
            raise Refused(request_error(ErrorCode.TOO_MANY_SUBSCRIPTIONS, message))

    async def _execute(self, id_: str, call: Call[CallerT]) -> None:
        try:
            response = await self._parts.gateway.execute(call)
            head = protocol.next_head(id_)
            answer = [head + response.body + b"}", protocol.complete(id_)]
        except Refused as refused:
            answer = _error(id_, call, refused.errors)
        except Exception as error:  # noqa: BLE001 (masked and logged)
            answer = _error(id_, call, [self._parts.gateway.unexpected(error)])
        if self._running.get(id_) is asyncio.current_task():  # the client has not ended it
            del self._running[id_]
            self._sender.post(answer)  # at once, so that the server knows how much is unread
        self._parts.gateway.record(call)


def _error(id_: str, call: Call[CallerT], errors: Sequence[GraphQLError]) -> list[bytes]:
    call.errors = errors
    return [protocol.error(id_, errors)]
