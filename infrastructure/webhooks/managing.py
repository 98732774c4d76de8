"""What operators do with endpoints."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from uuid import UUID

from domain.ports import UnknownKey
from infrastructure.database.rows.values import as_uuid
from infrastructure.database.statements import Statement
from infrastructure.database.store import Store

_ADD_SECRET = Statement(
    "INSERT INTO webhook_secrets (id, endpoint_id, encrypted_secret) VALUES ($1, $2, $3)"
)
_ADD = Statement(
    "INSERT INTO webhook_endpoints (id, url, event_types, state, from_start, history_after)"
    " VALUES ($1, $2, $3, 'active', $4, $5)",
    # Without a base of this server nothing has been committed since the events were moved to it.
    postgres="INSERT INTO webhook_endpoints"
    " (id, url, event_types, state, from_start, history_after, begins_at, under_way)"
    " SELECT $1::uuid, $2::text, $3::text, 'starting', $4::boolean, $5::uuid,"
    " coalesce(base + pg_snapshot_xmax(now)::text::bigint, last + 1),"
    " coalesce((SELECT array_agg(base + xip::text::bigint) FROM pg_snapshot_xip(now) AS xip), '{}')"
    " FROM pg_current_snapshot() AS now, pg_control_system() AS system"
    " CROSS JOIN (SELECT coalesce(max(commit_order), 0) AS last FROM provider_events) AS events"
    " LEFT JOIN commit_order_base USING (system_identifier)",
)
_REMOVE = Statement(
    "UPDATE webhook_endpoints SET state = 'removed', url = '', removed_at = @now"
    " WHERE id = $1 AND state <> 'removed' RETURNING id"
)
_REMOVE_SECRETS = Statement("DELETE FROM webhook_secrets WHERE endpoint_id = $1", destroys=True)
_EXPIRE_SECRETS = Statement(
    "UPDATE webhook_secrets SET expires_at = @after($3)"
    " WHERE endpoint_id = $1 AND id <> $2 AND (expires_at IS NULL OR expires_at > @after($3))"
)
_RESUME = Statement(
    "UPDATE webhook_endpoints SET state = 'active', failures = 0, paused_until = NULL"
    " WHERE id = $1 AND state IN ('active', 'failing', 'disabled')"
)
_RESUME_USERS = Statement(
    "UPDATE webhook_deliveries SET stopped = false, tries = 0, due_at = @now"
    " WHERE endpoint_id = $1 AND lease IS NULL AND (stopped OR tries > 0)"
)
_EVENT = Statement("SELECT user_id, position FROM provider_events WHERE id = $1")
_SKIP = Statement(
    "UPDATE webhook_deliveries SET position = $3, head = @log_end, tries = 0, stopped = false,"
    " due_at = @now, lease = NULL"
    " WHERE endpoint_id = $1 AND user_id = $2 AND position = $3 - 1 AND head >= $3"
    " RETURNING user_id"
)
_SECRETS = Statement("SELECT id, endpoint_id, encrypted_secret FROM webhook_secrets ORDER BY id")
_REPLACE_SECRET = Statement(
    "UPDATE webhook_secrets SET encrypted_secret = $3 WHERE id = $1 AND encrypted_secret = $2",
    destroys=True,  # what the old key encrypted is to go as well
)
FIRST_USER = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEndpoint:
    """To be added. `event_types` None stands for all."""

    id: UUID
    url: str
    event_types: frozenset[str] | None
    from_start: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSecret:
    """Of an endpoint, encrypted."""

    id: UUID
    endpoint_id: UUID
    encrypted: bytes = field(repr=False)


class ManagedEndpoints:
    """Changes that running nodes notice within a second. Every method raises `StorageError`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, endpoint: NewEndpoint, secret: NewSecret) -> None:
        """Beginning with what is committed from now on, or with every user's first event."""
        await self._add_secret(secret)
        types = endpoint.event_types
        await self._store.execute(
            _ADD,
            endpoint.id,
            endpoint.url,
            None if types is None else " ".join(sorted(types)),
            endpoint.from_start,
            FIRST_USER if endpoint.from_start else None,
        )

    async def remove(self, endpoint_id: UUID) -> bool:
        """Whether it was there. What is on its way may still arrive."""
        removed = await self._store.execute(_REMOVE, endpoint_id)
        await self._store.execute(_REMOVE_SECRETS, endpoint_id)
        return bool(removed)

    async def rotate(self, secret: NewSecret, overlap: float) -> None:
        """Signs with a new secret, and for `overlap` seconds with the others as well."""
        await self._add_secret(secret)
        await self._store.execute(_EXPIRE_SECRETS, secret.endpoint_id, secret.id, overlap)

    async def resume(self, endpoint_id: UUID) -> None:
        """Everything is due again, at once."""
        await self._store.execute(_RESUME, endpoint_id)
        await self._store.execute(_RESUME_USERS, endpoint_id)

    async def skip(self, endpoint_id: UUID, event_id: UUID) -> bool:
        """Never delivers an event; whether it was the next one of its user."""
        found = await self._store.execute(_EVENT, event_id)
        if not found:
            return False
        user_id, position = as_uuid(found[0]["user_id"]), found[0]["position"]
        return bool(await self._store.execute(_SKIP, endpoint_id, user_id, position))

    async def _add_secret(self, secret: NewSecret) -> None:
        await self._store.execute(_ADD_SECRET, secret.id, secret.endpoint_id, secret.encrypted)


async def rotate_secrets(
    store: Store, rotate: Callable[[bytes], bytes | None]
) -> AsyncIterator[tuple[UUID, bool]]:
    """Re-encrypts what `rotate` gives a new ciphertext for.

    Yields endpoints, and whether their secret could be read; not those that were left as they are.
    Raises `StorageError`.
    """
    for row in await store.execute(_SECRETS):
        encrypted = row["encrypted_secret"]
        try:
            new = rotate(encrypted)
        except UnknownKey:
            yield as_uuid(row["endpoint_id"]), False
            continue
        if new is not None:
            await store.execute(_REPLACE_SECRET, as_uuid(row["id"]), encrypted, new)
            yield as_uuid(row["endpoint_id"]), True
