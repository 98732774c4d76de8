"""The way of a new endpoint: no commit that was under way is missed, and history comes slowly."""

from uuid import UUID

from infrastructure.database.rows.values import as_uuid
from infrastructure.database.statements import Statement
from infrastructure.database.store import Store
from infrastructure.webhooks.endpoints import Endpoint

USERS_AT_ONCE = 100
"""Users whose history becomes due together, once a look, and not before most others are done."""

# A commit holds this lock from before it looks which endpoints there are until its end.
_WRITERS = Statement(
    "SELECT 1 AS writer WHERE false",
    postgres="SELECT virtualtransaction AS writer FROM pg_locks WHERE locktype = 'relation'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND relation = 'provider_events'::regclass AND mode = 'RowExclusiveLock' AND granted",
)
_ACTIVATE = Statement(
    "UPDATE webhook_endpoints SET state = 'active' WHERE id = $1 AND state = 'starting'",
    postgres="WITH e AS MATERIALIZED ("
    " SELECT id, begins_at, under_way, from_start, coalesce((SELECT min(each) FROM"
    " unnest(under_way) AS each), begins_at) AS first FROM webhook_endpoints"
    " WHERE id = $1 AND state = 'starting' FOR UPDATE"
    "), missed AS MATERIALIZED ("
    " SELECT p.user_id, min(p.position) - 1 AS position FROM e"
    " JOIN provider_events p ON p.commit_order >= e.first"
    " WHERE NOT e.from_start AND (p.commit_order >= e.begins_at"
    " OR p.commit_order = ANY (e.under_way)) GROUP BY p.user_id"
    "), due AS ("
    " INSERT INTO webhook_deliveries AS d (endpoint_id, user_id, position, head)"
    " SELECT e.id, m.user_id, m.position, h.position"
    " FROM e, missed m JOIN log_heads h USING (user_id) ORDER BY m.user_id"
    " ON CONFLICT (endpoint_id, user_id) DO UPDATE SET"
    " position = least(d.position, excluded.position), head = greatest(d.head, excluded.head)"
    ") UPDATE webhook_endpoints SET state = 'active' WHERE id IN (SELECT id FROM e)",
)
_DUE = Statement(
    "SELECT count(*) AS due FROM (SELECT 1 FROM webhook_deliveries WHERE endpoint_id = $1"
    " AND @is_due LIMIT $2) AS counted"
)
_USERS = Statement("SELECT user_id FROM log_heads WHERE user_id > $1 ORDER BY user_id LIMIT $2")
_HISTORY_DUE = Statement(
    "INSERT INTO webhook_deliveries (endpoint_id, user_id, position, head)"
    " SELECT e.id, h.user_id, 0, h.position FROM webhook_endpoints AS e, log_heads AS h"
    " WHERE e.id = $1 AND h.user_id > $2 AND h.user_id <= $3 ORDER BY h.user_id"
    " ON CONFLICT DO NOTHING"
)
_HISTORY_AFTER = Statement(
    "UPDATE webhook_endpoints SET history_after = $3 WHERE id = $1 AND history_after = $2"
)


class Starting:
    """Any node may do any of it, also at once with others. Every method raises `StorageError`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waited_for: dict[UUID, frozenset[str]] = {}

    async def activate(self, endpoint: Endpoint) -> None:
        """When all commits have ended that may not have seen the endpoint.

        They are those that are under way at the first look: the endpoint is there by then.
        """
        writers = frozenset(row["writer"] for row in await self._store.execute(_WRITERS))
        waited_for = self._waited_for.get(endpoint.id, writers) & writers
        self._waited_for[endpoint.id] = waited_for
        if not waited_for:
            await self._store.execute(_ACTIVATE, endpoint.id)
            del self._waited_for[endpoint.id]

    async def add_history(self, endpoint: Endpoint) -> None:
        """Makes more users' logs due from their first event on, unless enough are."""
        after = endpoint.history_after
        if after is None:
            return
        (found,) = await self._store.execute(_DUE, endpoint.id, USERS_AT_ONCE)
        if found["due"] >= USERS_AT_ONCE:
            return
        rows = await self._store.execute(_USERS, after, USERS_AT_ONCE)
        if rows:
            last = as_uuid(rows[-1]["user_id"])
            await self._store.execute(_HISTORY_DUE, endpoint.id, after, last)
        more = len(rows) == USERS_AT_ONCE
        await self._store.execute(_HISTORY_AFTER, endpoint.id, after, last if more else None)
