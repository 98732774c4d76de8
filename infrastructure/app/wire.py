"""What the settings say about the wire."""

from infrastructure.settings import Settings
from schema.asgi import WireSettings
from schema.execution.document_limits import DocumentLimits
from schema.http.endpoint import HttpLimits
from schema.websocket.services import SocketLimits


def wire_settings(settings: Settings) -> WireSettings:
    """Limits and options of the viewers' endpoint."""
    introspection = bool(settings.introspection)
    return WireSettings(
        document=DocumentLimits(
            tokens=settings.max_document_tokens,
            depth=settings.max_depth,
            aliases=settings.max_aliases,
            root_fields=settings.max_root_fields,
            directives=settings.max_directives,
        ),
        http=HttpLimits(body=settings.max_body_bytes),
        sockets=SocketLimits(
            sockets=settings.max_sockets,
            sockets_per_user=settings.max_sockets_per_user,
            operations=settings.max_subscriptions_per_socket,
            messages_per_second=settings.max_messages_per_second,
        ),
        mutations_per_second=settings.max_mutations_per_second,
        hide_suggestions=not introspection,
        introspection=introspection,
        allowed_origins=settings.allowed_origins,
    )
