"""What the settings say about the wire."""

from infrastructure.settings import Settings
from infrastructure.web.ide import Ide
from schema.asgi import ConnectionLimits, WireSettings
from schema.execution.document_limits import DocumentLimits
from schema.execution.documents import DocumentRules
from schema.http.browser_page import NO_PAGE, BrowserPage
from schema.http.request_reader import HttpLimits
from schema.websocket.operations import SocketLimits


def wire_settings(settings: Settings, ide: Ide | None = None) -> WireSettings:
    """Limits and options of the viewers' endpoint, where browsers find the IDE if there is one."""
    introspection = bool(settings.introspection)
    limits = DocumentLimits(
        tokens=settings.max_document_tokens,
        depth=settings.max_depth,
        aliases=settings.max_aliases,
        root_fields=settings.max_root_fields,
        directives=settings.max_directives,
    )
    return WireSettings(
        documents=DocumentRules(
            limits=limits, introspection=introspection, hide_suggestions=not introspection
        ),
        http=HttpLimits(body=settings.max_body_bytes, bodies=settings.max_bodies_bytes),
        connections=ConnectionLimits(
            sockets=settings.max_sockets, sockets_per_user=settings.max_sockets_per_user
        ),
        sockets=SocketLimits(
            operations=settings.max_subscriptions_per_socket,
            messages_per_second=settings.max_messages_per_second,
        ),
        mutations_per_second=settings.max_mutations_per_second,
        rows_per_second=settings.max_rows_per_second,
        allowed_origins=settings.allowed_origins,
        page=BrowserPage(status=200, html=ide.html, policy=ide.policy) if ide else NO_PAGE,
    )
