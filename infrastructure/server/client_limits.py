"""What one client may do before it is cut off."""

from collections.abc import Callable
from dataclasses import dataclass, field

from infrastructure.server.unread_budget import UnreadBudget

STALLED = "stalled"
UNREAD = "unread"
FRAMES = "messages"
"""Names of limits, for the metrics."""


def _not_told(_limit: str) -> None:
    """No listener."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLimits:
    """`on_cut` is called with the limit's name when a client is cut off.

    `stall_seconds`: without progress in reading, or in sending a request. `keep_alive_seconds`: of
    an idle connection between requests; a proxy should close idle ones earlier, or it sends a
    request into one that is closing. `frames_per_second`: on a WebSocket, control frames and
    fragments, which the application does not see. `unread` is shared by all clients.
    """

    stall_seconds: float = 10.0
    keep_alive_seconds: int = 75
    frames_per_second: int = 100
    unread: UnreadBudget = field(default_factory=UnreadBudget)
    on_cut: Callable[[str], None] = _not_told
