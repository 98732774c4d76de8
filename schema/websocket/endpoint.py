"""GraphQL over WebSocket: `graphql-transport-ws`, and nothing older."""

from starlette.types import Receive, Scope, Send

from domain.ports import AccessTokens, NewId
from schema.admission.access_log import AccessLog
from schema.admission.connection_limits import Seats
from schema.admission.draining import OpenStreams
from schema.admission.origins import origin_allowed
from schema.admission.rate_limits import MessageRate
from schema.admission.telemetry import Telemetry
from schema.execution.executor import Operations
from schema.execution.masking import Masking
from schema.websocket.frame_sender import OUTBOX, Outbox
from schema.websocket.protocol import SUBPROTOCOL
from schema.websocket.services import SocketLimits, SocketServices
from schema.websocket.session import SERVICE_RESTART, TRY_AGAIN_LATER, SocketSession


class WebSocketTransport:
    """Accepts sockets and gives each a session. Runs on our own server only (see `Outbox`)."""

    def __init__(
        self,
        operations: Operations,
        tokens: AccessTokens,
        *,
        masking: Masking,
        access_log: AccessLog,
        telemetry: Telemetry,
        allowed_origins: frozenset[str],
        new_id: NewId,
        limits: SocketLimits,
        streams: OpenStreams,
        seats: Seats,
    ) -> None:
        self._services = SocketServices(
            operations=operations,
            tokens=tokens,
            masking=masking,
            access_log=access_log,
            telemetry=telemetry,
            rate=MessageRate(limits.messages_per_second, telemetry),
            limits=limits,
            seats=seats,
        )
        self._allowed_origins = allowed_origins
        self._new_id = new_id
        self._streams = streams
        self._seats = seats

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One socket, from the handshake to its end."""
        await receive()  # websocket.connect
        if not origin_allowed(dict(scope["headers"]), self._allowed_origins):
            await send({"type": "websocket.close"})  # the server answers 403
            return
        spoken = SUBPROTOCOL in scope["subprotocols"]
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL if spoken else None})
        outbox: Outbox = scope["extensions"][OUTBOX]
        if not spoken:
            outbox.close(4406, "Subprotocol not acceptable")
        elif self._streams.ending:
            outbox.close(SERVICE_RESTART, "Service restart")
        elif not self._seats.take():
            outbox.close(TRY_AGAIN_LATER, "Too many sockets")
        else:
            await self._run(SocketSession(str(self._new_id()), self._services, outbox, receive))

    async def _run(self, session: SocketSession) -> None:
        self._streams.enter(session)
        try:
            await session.run()
        finally:
            self._seats.leave()
            self._streams.leave(session)
