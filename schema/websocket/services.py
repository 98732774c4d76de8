"""What all WebSockets of a process share."""

from dataclasses import dataclass

from domain.ports import AccessTokens
from schema.admission.access_log import AccessLog
from schema.admission.connection_limits import Seats
from schema.admission.rate_limits import MessageRate
from schema.admission.telemetry import Telemetry
from schema.execution.executor import Operations
from schema.execution.masking import Masking

TRANSPORT = "websocket"


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketLimits:
    """How many sockets and streams may be open, and what may happen on each socket.

    `operations` run on one socket at once: subscriptions above all. `init_seconds` is how long a
    client may take to say who it is.
    """

    sockets: int = 20_000
    sockets_per_user: int = 100
    operations: int = 50
    messages_per_second: int = 100
    init_seconds: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketServices:
    """To be passed on to each of them."""

    operations: Operations
    tokens: AccessTokens
    masking: Masking
    access_log: AccessLog
    telemetry: Telemetry
    rate: MessageRate
    limits: SocketLimits
    seats: Seats
