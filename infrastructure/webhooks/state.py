"""How far each endpoint is behind, for operators and metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from infrastructure.database.rows.values import as_time, as_uuid
from infrastructure.database.statements import Statement
from infrastructure.database.store import Store
from infrastructure.webhooks.endpoints import EndpointState

MOST_COUNTED = 100_000
SHOWN = 5

_BEHIND = Statement(
    "SELECT count(*) AS behind, min(behind_since) AS since, @now AS now FROM (SELECT behind_since"
    " FROM webhook_deliveries WHERE endpoint_id = $1 AND @is_due"
    " ORDER BY due_at LIMIT $2) AS counted"
)
_STOPPED = Statement(
    "SELECT d.user_id, e.id FROM webhook_deliveries AS d LEFT JOIN provider_events AS e"
    " ON e.user_id = d.user_id AND e.position = d.position + 1"
    " WHERE d.endpoint_id = $1 AND d.stopped ORDER BY d.user_id LIMIT $2"
)
_LAST = Statement(
    "SELECT last_status, last_at, failures, paused_until FROM webhook_endpoints WHERE id = $1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppedUser:
    """An endpoint has refused an event as often as the schedule allows."""

    user_id: UUID
    event_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointStatus:
    """`behind` counts users, up to `MOST_COUNTED`; `oldest` is how long one of them has waited."""

    behind: int
    oldest: timedelta
    stopped: Sequence[StoppedUser]
    failures: int
    paused_until: datetime | None
    last_status: str | None
    last_at: datetime | None

    def described(self, state: EndpointState) -> str:
        """An active endpoint is called failing while it is given no more events of some user."""
        failing = state is EndpointState.ACTIVE and self.stopped
        return EndpointState.FAILING if failing else state


async def status_of(store: Store, endpoint_id: UUID) -> EndpointStatus:
    """How deliveries to an endpoint are doing. Raises `StorageError`."""
    (behind,) = await store.execute(_BEHIND, endpoint_id, MOST_COUNTED)
    stopped = await store.execute(_STOPPED, endpoint_id, SHOWN)
    found = await store.execute(_LAST, endpoint_id)
    last = found[0] if found else dict.fromkeys(("last_status", "last_at", "paused_until"))
    since, now = behind["since"] or behind["now"], behind["now"]
    return EndpointStatus(
        behind=behind["behind"],
        oldest=max(as_time(now) - as_time(since), timedelta()),
        stopped=[
            StoppedUser(
                user_id=as_uuid(row["user_id"]),
                event_id=None if row["id"] is None else as_uuid(row["id"]),
            )
            for row in stopped
        ],
        failures=last.get("failures") or 0,
        paused_until=None if last["paused_until"] is None else as_time(last["paused_until"]),
        last_status=last["last_status"],
        last_at=None if last["last_at"] is None else as_time(last["last_at"]),
    )
