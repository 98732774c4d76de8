"""Which scope each root field needs (RFC 9068, section 2.2.3)."""

from collections.abc import Sequence

from domain.ports import ServiceCaller
from schema.errors import ErrorCode, Refused, request_error

CONNECTIONS_READ = "connections:read"
CREDENTIALS_READ = "credentials:read"
CONNECTIONS_WRITE = "connections:write"
CONNECTIONS_DISCONNECT = "connections:disconnect"

SCOPES = {
    "node": CONNECTIONS_READ,
    "connections": CONNECTIONS_READ,
    "credentials": CREDENTIALS_READ,
    "connectProvider": CONNECTIONS_WRITE,
    "refreshCredentials": CONNECTIONS_WRITE,
    "reportAccessLost": CONNECTIONS_WRITE,
    "recordSync": CONNECTIONS_WRITE,
    "disconnectProvider": CONNECTIONS_DISCONNECT,
    "disconnectAllProviders": CONNECTIONS_DISCONNECT,
}
"""By root field. Introspection needs a valid token only."""


def authorize(root_fields: Sequence[str], caller: ServiceCaller) -> None:
    """Raises `Refused` with `FORBIDDEN`, naming the first scope that is missing."""
    for name in root_fields:
        scope = SCOPES.get(name)
        if scope is not None and scope not in caller.scopes:
            message = f"The token lacks the scope `{scope}`."
            raise Refused(request_error(ErrorCode.FORBIDDEN, message, scope=scope))
