"""GraphQL over WebSocket: `graphql-transport-ws`, and nothing older."""

from typing import Generic

from starlette.types import Receive, Scope, Send

from domain.ports import CallerT, NewId
from schema.admission.entry import Peer
from schema.admission.origins import origin_allowed
from schema.websocket.close_codes import CloseCode
from schema.websocket.frame_sender import FRAME_SENDER, FrameSender
from schema.websocket.operations import SocketParts
from schema.websocket.protocol import SUBPROTOCOL
from schema.websocket.session import SocketSession
from schema.websocket.subscription import TRANSPORT


class WebSocketTransport(Generic[CallerT]):
    """Accepts sockets and gives each a session. Runs on our own server only (see `FrameSender`)."""

    def __init__(
        self, parts: SocketParts[CallerT], allowed_origins: frozenset[str], new_id: NewId
    ) -> None:
        self._parts = parts
        self._allowed_origins = allowed_origins
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One socket, from the handshake to its end."""
        await receive()  # websocket.connect
        socket_id = str(self._new_id())
        if not origin_allowed(dict(scope["headers"]), self._allowed_origins):
            self._parts.admission.refused(Peer(socket_id, TRANSPORT), "FORBIDDEN")
            await send({"type": "websocket.close"})  # the server answers 403
            return
        spoken = SUBPROTOCOL in scope["subprotocols"]
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL if spoken else None})
        sender: FrameSender = scope["extensions"][FRAME_SENDER]
        if not spoken:
            self._parts.admission.refused(Peer(socket_id, TRANSPORT), "BAD_USER_INPUT")
            sender.close(CloseCode.SUBPROTOCOL_NOT_ACCEPTABLE, "Subprotocol not acceptable")
        elif self._parts.admission.draining:
            sender.close(CloseCode.SERVICE_RESTART, "Service restart")
        else:
            await SocketSession(socket_id, self._parts, sender, receive).run()
