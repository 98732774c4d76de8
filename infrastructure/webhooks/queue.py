"""Who is due at which endpoint: one row for each user and endpoint, taken by lease.

All times are the database's own clock. A row that is leased is not due before the lease ends, and
only the lease's holder may settle it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from domain.identifiers import UserId
from infrastructure.database.rows.values import as_uuid
from infrastructure.database.statements import Statement
from infrastructure.database.store import Store

_CLAIM = Statement(
    "WITH due AS MATERIALIZED ("
    " SELECT endpoint_id, user_id FROM webhook_deliveries"
    " WHERE endpoint_id = $1 AND @is_due AND due_at <= @now"
    " AND EXISTS (SELECT 1 FROM webhook_endpoints WHERE id = $1 AND state = 'active'"
    " AND (failures = 0 OR $5)) ORDER BY due_at LIMIT $2 @skip_locked)"
    " UPDATE webhook_deliveries SET lease = $3, due_at = @after($4)"
    " WHERE (endpoint_id, user_id) IN (SELECT endpoint_id, user_id FROM due)"
    " RETURNING user_id, position, head, tries"
)
_SETTLE = Statement(
    "UPDATE webhook_deliveries SET position = $4, head = @log_end, tries = $5, stopped = $6,"
    " due_at = @after($7), behind_since = coalesce($8, behind_since), lease = NULL"
    " WHERE endpoint_id = $1 AND user_id = $2 AND lease = $3"
    # A restore may have brought the lease back, and taken the event away.
    " AND (EXISTS (SELECT 1 FROM provider_events AS e WHERE e.id = $9"
    " AND e.user_id = webhook_deliveries.user_id AND e.position = $4) OR $9 IS NULL)"
)
_START_PROBE = Statement(
    "UPDATE webhook_endpoints SET paused_until = @after($2) WHERE id = $1 AND state = 'active'"
    " AND failures > 0 AND paused_until <= @now RETURNING failures"
)
_END_PROBE = Statement(
    "UPDATE webhook_endpoints SET paused_until = @now WHERE id = $1 AND state = 'active'"
    " AND failures > 0"
)
_RELEASE_ALL = Statement(
    "UPDATE webhook_deliveries SET lease = NULL, due_at = @now WHERE lease IS NOT NULL"
)
_ANSWERED = Statement(
    "UPDATE webhook_endpoints SET failures = 0, paused_until = NULL, last_status = $2,"
    " last_at = @now WHERE id = $1 AND state = 'active'"
)
_FAILED = Statement(
    "UPDATE webhook_endpoints SET failures = failures + 1, paused_until = @after($4),"
    " last_status = $2, last_at = @now WHERE id = $1 AND state = 'active' AND failures = $3"
)
_ENDED = Statement(
    "UPDATE webhook_endpoints SET state = $3, last_status = $2, last_at = @now"
    " WHERE id = $1 AND state = 'active'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A user's events after `position`, for one endpoint; the next one has been tried `tries`
    times. `lease` proves who holds it.

    `failures` is how many tries of any event have failed in a row at the endpoint.
    """

    endpoint_id: UUID
    user_id: UserId
    position: int
    head: int
    tries: int
    lease: UUID
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a user's deliveries stand after a turn.

    `event_id` is the event at `position` and `since` its time, None when the turn has delivered
    nothing. `pause` is in seconds; `stopped` is for an operator to resume.
    """

    position: int
    event_id: UUID | None = None
    since: datetime | None = None
    tries: int = 0
    pause: float = 0.0
    stopped: bool = False


class DeliveryQueue:
    """For workers of all nodes at once. Every method raises `StorageError`."""

    def __init__(self, store: Store, lease_seconds: float) -> None:
        self._store = store
        self.lease_seconds = lease_seconds

    async def claim(self, endpoint_id: UUID, limit: int, failures: int = 0) -> Sequence[Delivery]:
        """Up to `limit` due users, those first who are due for longest.

        None while the endpoint is paused, unless by the one who probes it and knows its failures.
        """
        lease = uuid4()
        rows = await self._store.execute(
            _CLAIM, endpoint_id, limit, lease, self.lease_seconds, failures > 0
        )
        return [
            Delivery(
                endpoint_id=endpoint_id,
                user_id=UserId(as_uuid(row["user_id"])),
                position=row["position"],
                head=row["head"],
                tries=row["tries"],
                lease=lease,
                failures=failures,
            )
            for row in rows
        ]

    async def claim_probe(self, endpoint_id: UUID) -> Sequence[Delivery]:
        """One delivery to a paused endpoint whose pause is over; one at a time on all nodes."""
        found = await self._store.execute(_START_PROBE, endpoint_id, self.lease_seconds)
        if not found:
            return []
        claimed = await self.claim(endpoint_id, 1, found[0]["failures"])
        if not claimed:
            await self._store.execute(_END_PROBE, endpoint_id)
        return claimed

    async def settle(self, delivery: Delivery, progress: Progress) -> None:
        """Ends the lease, if it is still held."""
        await self._store.execute(
            _SETTLE,
            delivery.endpoint_id,
            delivery.user_id,
            delivery.lease,
            progress.position,
            progress.tries,
            progress.stopped,
            progress.pause,
            progress.since,
            progress.event_id,
        )

    async def answered(self, endpoint_id: UUID, status: str) -> None:
        """The endpoint answered as one that works: it is not paused any more."""
        await self._store.execute(_ANSWERED, endpoint_id, status)

    async def failed(self, endpoint_id: UUID, status: str, failures: int, pause: float) -> None:
        """Pauses the endpoint. Of tries at once, which know of as many failures, one counts."""
        await self._store.execute(_FAILED, endpoint_id, status, failures, pause)

    async def ended(self, endpoint_id: UUID, status: str, state: str) -> None:
        """Nothing more is sent until an operator resumes the endpoint."""
        await self._store.execute(_ENDED, endpoint_id, status, state)

    async def release_all(self) -> None:
        """For the start of the only server: the process that held leases has ended."""
        await self._store.execute(_RELEASE_ALL)
