"""One socket that speaks `graphql-transport-ws`, from its handshake to its end."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from starlette.types import Receive

from domain.ports import AccessToken
from schema.admission.authentication import authenticate
from schema.execution.document_limits import Limit
from schema.websocket import protocol as transport_ws
from schema.websocket.frame_sender import Outbox
from schema.websocket.operations import SocketOperations
from schema.websocket.protocol import Complete, ConnectionInit, Malformed, Ping, Pong, Subscribe
from schema.websocket.services import SocketServices

LONGEST_TIMER = 86_400.0
MESSAGE_TOO_BIG = 1009
INTERNAL_ERROR = 1011
SERVICE_RESTART = 1012
TRY_AGAIN_LATER = 1013


class SocketSession:
    """Reads messages until the socket is closed, by whichever side.

    The close codes are the protocol's; 1012 and 1013 tell clients to come back, soon or later.
    """

    __slots__ = (
        "_closed",
        "_ending",
        "_id",
        "_operations",
        "_outbox",
        "_receive",
        "_services",
        "_timer",
        "_token",
    )

    def __init__(
        self, id_: str, services: SocketServices, outbox: Outbox, receive: Receive
    ) -> None:
        self._id = id_
        self._services = services
        self._outbox = outbox
        self._receive = receive
        self._token: AccessToken | None = None
        self._operations: SocketOperations | None = None
        self._closed = False
        self._ending: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(
            services.limits.init_seconds, self.close, 4408, "Connection initialisation timeout"
        )

    async def run(self) -> None:
        """Returns when the socket is closed and nothing of it is left."""
        try:
            while not self._closed:
                message = await self._receive()
                if message["type"] == "websocket.disconnect":
                    if message.get("code") == MESSAGE_TOO_BIG:
                        self._services.telemetry.limit_hit(Limit.MESSAGE_SIZE)
                    break
                await self._handle(message.get("text"))
                if self._outbox.full:
                    await self._outbox.drained()
        except Malformed as malformed:
            self.close(4400, str(malformed))
        except Exception as error:  # noqa: BLE001 (masked and logged)
            self._services.masking.unexpected(error)
            self.close(INTERNAL_ERROR, "Internal error")
        finally:
            self._gone()

    def close(self, code: int, reason: str) -> None:
        """From our side, if it is still open."""
        if not self._closed:
            self._closed = True
            self._outbox.close(code, reason)

    def end(self) -> None:
        """See `Stream`: what was asked is answered first, and nothing new is begun."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())

    async def _end(self) -> None:
        if self._operations is not None:
            await self._operations.answered()
        self.close(SERVICE_RESTART, "Service restart")

    async def _handle(self, text: str | None) -> None:
        if not self._services.rate.admits(self._id):
            return self.close(TRY_AGAIN_LATER, "Too many messages")
        if text is None:
            raise Malformed("A message is text")
        match transport_ws.parse(text):
            case ConnectionInit(payload):
                await self._init(payload)
            case Ping(payload):
                self._outbox.post([transport_ws.pong(payload)])
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
            self.close(4401, "Unauthorized")
        elif message.id in self._operations:
            self.close(4409, _subscriber_exists(message.id))
        elif self._ending is None:
            await self._operations.start(message.id, message.request)

    async def _init(self, payload: dict[str, Any]) -> None:
        if self._token is not None:
            return self.close(4429, "Too many initialisation requests")
        self._timer.cancel()
        authorization = payload.get("authorization")
        token = await authenticate(
            authorization if isinstance(authorization, str) else None, self._services.tokens
        )
        if token is None:
            return self.close(4403, "Forbidden")
        if not self._services.seats.take_for(token.user_id):
            return self.close(TRY_AGAIN_LATER, "Too many sockets")
        self._token = token
        self._operations = SocketOperations(
            self._id, token.user_id, self._services, self._outbox, self._lost
        )
        self._outbox.on_drained = self._operations.resume
        self._outbox.post([transport_ws.ACKNOWLEDGED])
        return self._expire(token.expires_at)

    def _expire(self, at: datetime) -> None:
        left = (at - datetime.now(UTC)).total_seconds()
        if left <= 0:
            self.close(4403, "Token expired")
        elif not self._closed:
            # The wall clock may be set while we wait, so this looks at it again.
            self._timer = asyncio.get_running_loop().call_later(
                min(left, LONGEST_TIMER), self._expire, at
            )

    def _lost(self) -> None:
        self.close(TRY_AGAIN_LATER, "Try again later")

    def _gone(self) -> None:
        self._closed = True
        self._timer.cancel()
        self._outbox.on_drained = None
        if self._operations is not None:
            self._operations.stop_all()
            self._operations = None
        if self._token is not None:
            self._services.seats.leave_for(self._token.user_id)


def _subscriber_exists(id_: str) -> str:
    """As the protocol words it, within the 123 bytes that a close frame has for it."""
    shown = id_.encode()[:80].decode(errors="ignore")
    return f"Subscriber for {shown} already exists"
