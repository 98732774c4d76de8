"""One socket that speaks `graphql-transport-ws`, from its handshake to its end."""

import asyncio
from typing import Any, Generic

from starlette.types import Receive

from domain.ports import CallerT
from schema.admission.entry import EndReason, Entry, Peer
from schema.errors import ErrorCode, Limit, Refused, outcome_of
from schema.websocket import protocol
from schema.websocket.close_codes import CloseCode as Code
from schema.websocket.frame_sender import FrameSender
from schema.websocket.operations import SocketOperations, SocketParts
from schema.websocket.protocol import Complete, ConnectionInit, Malformed, Ping, Pong, Subscribe
from schema.websocket.subscription import TRANSPORT


class SocketSession(Generic[CallerT]):
    """Reads messages until either side closes the socket.

    See `CloseCode` for how it may end.
    """

    __slots__ = (
        "_closed",
        "_draining",
        "_entry",
        "_id",
        "_operations",
        "_parts",
        "_receive",
        "_sender",
        "_timer",
    )

    def __init__(
        self, id_: str, parts: SocketParts[CallerT], sender: FrameSender, receive: Receive
    ) -> None:
        self._id = id_
        self._parts = parts
        self._sender = sender
        self._receive = receive
        self._operations: SocketOperations[CallerT] | None = None
        self._closed = False
        self._draining: asyncio.Task[None] | None = None
        self._entry: Entry = parts.admission.enter(Peer(id_, TRANSPORT), self.end)
        self._timer = asyncio.get_running_loop().call_later(
            parts.limits.init_seconds, self._init_timeout
        )

    async def run(self) -> None:
        """Returns when the socket is closed and nothing of it is left."""
        try:
            while not self._closed:
                message = await self._receive()
                if message["type"] == "websocket.disconnect":
                    self._note_limit(message.get("code"))
                    break
                text = message.get("text")
                del message  # it may be large, and the next one may be a long time away
                await self._handle(text)
                text = None
                if self._sender.full:
                    await self._sender.drained()
        except Malformed as malformed:
            self.close(Code.BAD_REQUEST, str(malformed))
        except Exception as error:  # noqa: BLE001 (masked and logged)
            self._parts.gateway.unexpected(error)
            self.close(Code.INTERNAL_ERROR, "Internal error")
        finally:
            self._gone()

    def _note_limit(self, code: object) -> None:
        """The server has closed it, for a limit of its own."""
        if code == Code.MESSAGE_TOO_BIG:
            self._parts.admission.telemetry.limit_hit(Limit.MESSAGE_SIZE)
        elif code == Code.TRY_AGAIN_LATER:
            self._entry.refuse(ErrorCode.RATE_LIMITED)

    def close(self, code: int, reason: str) -> None:
        """From our side, if it is still open."""
        if not self._closed:
            self._closed = True
            self._sender.close(code, reason)

    def end(self, reason: EndReason) -> None:
        """Ends it for this reason, see `Admission.enter`."""
        match reason:
            case EndReason.TOKEN_EXPIRED:
                self.close(Code.FORBIDDEN, "Token expired")
            case EndReason.DISPLACED:
                self._refuse(Code.TRY_AGAIN_LATER, "Too many sockets", "TOO_MANY_SUBSCRIPTIONS")
            case EndReason.RESTART:
                if self._draining is None:
                    self._draining = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        """What was asked is answered first, and nothing new is begun."""
        if self._operations is not None:
            await self._operations.answered()
        self.close(Code.SERVICE_RESTART, "Service restart")

    def _refuse(self, code: int, reason: str, outcome: str) -> None:
        """Closes it, and the access log says why."""
        if not self._closed:
            self._entry.refuse(outcome)
        self.close(code, reason)

    def _init_timeout(self) -> None:
        self._refuse(
            Code.INIT_TIMEOUT, "Connection initialisation timeout", ErrorCode.UNAUTHENTICATED
        )

    async def _handle(self, text: str | None) -> None:
        if not self._parts.rate.admits(self._id):
            return self._refuse(Code.TRY_AGAIN_LATER, "Too many messages", ErrorCode.RATE_LIMITED)
        if text is None:
            raise Malformed("A message is text")
        match protocol.parse(text):
            case ConnectionInit(payload):
                await self._init(payload)
            case Ping(payload):
                self._sender.post([protocol.pong(payload)])
            case Pong():
                pass
            case Subscribe() as message:
                await self._subscribe(message)
            case Complete(id_):
                if self._operations is not None:
                    self._operations.stop(id_)
        return None

    async def _subscribe(self, message: Subscribe) -> None:
        if self._operations is None:
            self._refuse(Code.UNAUTHORIZED, "Unauthorized", ErrorCode.UNAUTHENTICATED)
        elif message.id in self._operations:
            self.close(Code.SUBSCRIBER_EXISTS, _subscriber_exists(message.id))
        elif self._draining is None:
            await self._operations.start(message.id, message.request)

    async def _init(self, payload: dict[str, Any]) -> None:
        if self._operations is not None:
            return self.close(Code.TOO_MANY_INITS, "Too many initialisation requests")
        self._timer.cancel()
        authorization = next(
            (value for name, value in payload.items() if name.lower() == "authorization"), None
        )
        try:
            token = await self._parts.gateway.authenticate(
                authorization if isinstance(authorization, str) else None
            )
        except Refused as refused:
            outcome = outcome_of(refused.errors)
            if outcome == ErrorCode.SERVICE_UNAVAILABLE:
                return self._refuse(Code.TRY_AGAIN_LATER, "Try again later", outcome)
            return self._refuse(Code.FORBIDDEN, "Forbidden", outcome)
        try:
            self._entry.admit(token)
        except Refused as refused:
            return self._refuse(
                Code.TRY_AGAIN_LATER, "Too many sockets", outcome_of(refused.errors)
            )
        self._operations = SocketOperations(self._id, token, self._parts, self._sender, self._lost)
        self._sender.on_drained = self._operations.resume
        return self._sender.post([protocol.ACKNOWLEDGED])

    def _lost(self) -> None:
        self.close(Code.TRY_AGAIN_LATER, "Try again later")

    def _gone(self) -> None:
        self._closed = True
        self._timer.cancel()
        self._sender.on_drained = None
        if self._operations is not None:
            self._operations.stop_all()
            self._operations = None
        self._entry.leave()


def _subscriber_exists(id_: str) -> str:
    """As the protocol words it, within the 123 bytes that a close frame has for it."""
    shown = id_.encode()[:80].decode(errors="ignore")
    return f"Subscriber for {shown} already exists"
