"""Handlers and readers in, ASGI app out."""

from dataclasses import dataclass, field

from starlette.types import ASGIApp, Receive, Scope, Send

from domain.ports import AccessTokens
from schema.admission.access_log import AccessLog
from schema.admission.connection_limits import Seats
from schema.admission.draining import OpenStreams
from schema.admission.origins import CrossOrigin
from schema.admission.rate_limits import MutationRate
from schema.admission.telemetry import Telemetry
from schema.build import UnplugSchema
from schema.execution.document_limits import DocumentLimits
from schema.execution.documents import Documents
from schema.execution.executor import Operations
from schema.execution.masking import Masking
from schema.http.endpoint import HttpLimits, HttpTransport
from schema.http.negotiation import MediaType
from schema.http.stream_framing import EventStreamFraming, MultipartFraming, StreamFraming
from schema.http.streaming import HEARTBEAT_SECONDS, HttpStreams
from schema.viewer.context import Services
from schema.websocket.endpoint import WebSocketTransport
from schema.websocket.services import SocketLimits

PATH = "/graphql"


@dataclass(frozen=True, slots=True, kw_only=True)
class WireSettings:
    """What operators may set about the wire.

    `allowed_origins`: whose pages may talk to us, such as `https://app.example.com`; our own may
    always.
    """

    document: DocumentLimits = field(default_factory=DocumentLimits)
    http: HttpLimits = field(default_factory=HttpLimits)
    sockets: SocketLimits = field(default_factory=SocketLimits)
    mutations_per_second: int = 50
    hide_suggestions: bool = True
    introspection: bool = False
    allowed_origins: frozenset[str] = frozenset()
    heartbeat_seconds: float = HEARTBEAT_SECONDS


class GraphQLApp:
    """GraphQL at its path, over HTTP and WebSocket; everything else goes on to `otherwise`.

    It stands in front, since a router costs as much as the rest of the transport.
    """

    def __init__(self, http: ASGIApp, websocket: ASGIApp, otherwise: ASGIApp) -> None:
        self._transports = {"http": http, "websocket": websocket}
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI app."""
        if scope.get("path") == PATH:
            return await self._transports[scope["type"]](scope, receive, send)
        return await self._otherwise(scope, receive, send)


def graphql_app(
    schema: UnplugSchema,
    services: Services,
    tokens: AccessTokens,
    settings: WireSettings,
    *,
    access_log: AccessLog,
    telemetry: Telemetry,
    streams: OpenStreams,
    otherwise: ASGIApp,
) -> GraphQLApp:
    """All transports at `/graphql`. `streams` will know what is open, for a shutdown to end it."""
    documents = Documents(
        schema.executable,
        limits=settings.document,
        telemetry=telemetry,
        introspection=settings.introspection,
        hide_suggestions=settings.hide_suggestions,
    )
    masking = Masking(services.new_id)
    operations = Operations(
        schema.executable,
        services,
        documents,
        masking,
        MutationRate(settings.mutations_per_second, telemetry),
        hide_suggestions=settings.hide_suggestions,
    )
    seats = Seats(settings.sockets.sockets, settings.sockets.sockets_per_user, telemetry)
    framings: dict[MediaType, StreamFraming] = {
        MediaType.EVENT_STREAM: EventStreamFraming(),
        MediaType.MULTIPART: MultipartFraming(),
    }
    http = HttpTransport(
        operations,
        tokens,
        masking=masking,
        access_log=access_log,
        telemetry=telemetry,
        cross_origin=CrossOrigin(settings.allowed_origins),
        new_id=services.new_id,
        limits=settings.http,
        streams={
            media_type: HttpStreams(
                framing,
                operations,
                telemetry=telemetry,
                streams=streams,
                seats=seats,
                heartbeat_seconds=settings.heartbeat_seconds,
            )
            for media_type, framing in framings.items()
        },
    )
    websocket = WebSocketTransport(
        operations,
        tokens,
        masking=masking,
        access_log=access_log,
        telemetry=telemetry,
        allowed_origins=settings.allowed_origins,
        new_id=services.new_id,
        limits=settings.sockets,
        streams=streams,
        seats=seats,
    )
    return GraphQLApp(http, websocket, otherwise)
