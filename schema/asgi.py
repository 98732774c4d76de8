"""Services and readers in, ASGI app out."""

from dataclasses import dataclass, field, replace

from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.identifiers import UserId
from domain.ports import AccessTokens, CallerT, NewId, ServiceCaller
from schema.admission.access_log import AccessLog
from schema.admission.connection_limits import ConnectionLimiter, SelectionLimiter
from schema.admission.entry import MOST_UNAUTHENTICATED, Admission
from schema.admission.origins import CrossOrigin
from schema.admission.rate_limits import CallerRate, MessageRate
from schema.admission.telemetry import Telemetry
from schema.build import UnplugSchema, service_schema, viewer_schema
from schema.errors import Limit
from schema.execution.documents import DocumentRules, Documents
from schema.execution.gateway import CallerLimits, Gateway, Reports
from schema.execution.masking import Masking
from schema.http.browser_page import NO_PAGE, BrowserPage
from schema.http.endpoint import HttpRules, HttpTransport
from schema.http.multipart import MultipartFraming
from schema.http.negotiation import MediaType
from schema.http.request_reader import HttpLimits
from schema.http.sse import EventStreamFraming
from schema.http.streaming import HEARTBEAT_SECONDS, HttpStreams, StreamFraming
from schema.service.context import ServiceServices
from schema.service.literals import refuse_credentials
from schema.viewer.context import Services
from schema.websocket.endpoint import WebSocketTransport
from schema.websocket.operations import SocketLimits, SocketParts

PATHS = frozenset({"/graphql", "/graphql/"})

NOT_FOUND = Router()
"""Answers everything with 404, and closes WebSockets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """How many sockets and streams may be open, and how many selections one user may follow.

    `unauthenticated` sockets are not counted among the others; the one that has waited longest goes
    when there are more.
    """

    sockets: int = 20_000
    sockets_per_user: int = 100
    selections_per_user: int = 20
    unauthenticated: int = MOST_UNAUTHENTICATED


@dataclass(frozen=True, slots=True, kw_only=True)
class WireSettings:
    """What operators may set about the wire.

    `allowed_origins`: pages that may use the API, such as `https://app.example.com`. The server's
    own page always may. `page` is what a browser is shown that opens the GraphQL address.
    """

    documents: DocumentRules = field(default_factory=DocumentRules)
    http: HttpLimits = field(default_factory=HttpLimits)
    connections: ConnectionLimits = field(default_factory=ConnectionLimits)
    sockets: SocketLimits = field(default_factory=SocketLimits)
    mutations_per_second: int = 50
    rows_per_second: int = 2_000
    allowed_origins: frozenset[str] = frozenset()
    heartbeat_seconds: float = HEARTBEAT_SECONDS
    page: BrowserPage = NO_PAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Observers:
    """Who is told what the wire does."""

    access_log: AccessLog
    telemetry: Telemetry


class GraphQLApp:
    """GraphQL at its path, over HTTP and WebSocket; everything else goes on to `otherwise`.

    It stands in front, since a router costs as much as the rest of the transport.
    """

    def __init__(
        self, http: ASGIApp, websocket: ASGIApp, otherwise: ASGIApp, admission: Admission
    ) -> None:
        self._transports = {"http": http, "websocket": websocket}
        self._otherwise = otherwise
        self.admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI app."""
        if scope.get("path") in PATHS:
            return await self._transports[scope["type"]](scope, receive, send)
        return await self._otherwise(scope, receive, send)

    async def drain(self) -> None:
        """Ends sockets and streams so that their clients reconnect; returns when none is open."""
        await self.admission.drain()


def graphql_app(
    gateway: Gateway[CallerT],
    settings: WireSettings,
    observers: Observers,
    new_id: NewId,
    otherwise: ASGIApp,
) -> GraphQLApp:
    """All transports of one schema at `/graphql`."""
    limits = settings.connections
    limiter = ConnectionLimiter(limits.sockets, limits.sockets_per_user, observers.telemetry)
    admission = Admission(
        limiter, observers.access_log, observers.telemetry, limits.unauthenticated
    )
    framings: dict[MediaType, StreamFraming] = {
        MediaType.EVENT_STREAM: EventStreamFraming(),
        MediaType.MULTIPART: MultipartFraming(),
    }
    http = HttpTransport(
        gateway,
        HttpRules(
            limits=settings.http,
            cross_origin=CrossOrigin(settings.allowed_origins),
            page=settings.page,
        ),
        {
            media_type: HttpStreams(framing, gateway, admission, settings.heartbeat_seconds)
            for media_type, framing in framings.items()
        },
        observers.telemetry,
        new_id,
    )
    parts = SocketParts(
        gateway=gateway,
        admission=admission,
        rate=MessageRate(settings.sockets.messages_per_second, observers.telemetry),
        limits=settings.sockets,
    )
    websocket = WebSocketTransport(parts, settings.allowed_origins, new_id)
    return GraphQLApp(http, websocket, otherwise, admission)


def viewer_gateway(
    schema: UnplugSchema,
    services: Services,
    tokens: AccessTokens[UserId],
    settings: WireSettings,
    observers: Observers,
) -> Gateway[UserId]:
    """The viewers' schema, for `graphql_app`."""
    telemetry = observers.telemetry
    return Gateway(
        viewer_schema(schema, services),
        tokens,
        Documents(schema.executable, settings.documents, telemetry),
        CallerLimits(
            mutations=CallerRate(Limit.MUTATIONS, settings.mutations_per_second, telemetry),
            rows=CallerRate(Limit.ROWS, settings.rows_per_second, telemetry),
            selections=SelectionLimiter(settings.connections.selections_per_user, telemetry),
        ),
        Reports(masking=Masking(services.new_id), access_log=observers.access_log),
    )


def service_app(
    gateway: Gateway[ServiceCaller], settings: WireSettings, observers: Observers, new_id: NewId
) -> ASGIApp:
    """The services' schema at `/graphql`, by POST only."""
    rules = HttpRules(limits=settings.http, methods=("POST",))
    http = HttpTransport(gateway, rules, {}, observers.telemetry, new_id)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in PATHS:
            await http(scope, receive, send)
        else:
            await NOT_FOUND(scope, receive, send)

    return app


def service_gateway(
    schema: UnplugSchema,
    services: ServiceServices,
    tokens: AccessTokens[ServiceCaller],
    settings: WireSettings,
    observers: Observers,
) -> Gateway[ServiceCaller]:
    """The services' schema, for `service_app`. No part of a value comes back in an error."""
    rules = replace(settings.documents, check=refuse_credentials, quote_values=False)
    return Gateway(
        service_schema(schema, services),
        tokens,
        Documents(schema.executable, rules, observers.telemetry),
        CallerLimits(),
        Reports(
            masking=Masking(services.new_id, quote_values=False), access_log=observers.access_log
        ),
    )
