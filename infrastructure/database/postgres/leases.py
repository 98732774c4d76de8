"""Pending revocations on a PostgreSQL server, taken by workers of many nodes.

Workers hold what they take by the server's clock. Rows that another session has locked are left for
the next time, so that nothing here waits.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar
from uuid import UUID

import asyncpg
import structlog

from domain.ports import StorageError
from domain.token_revocation import LeasedRevocation
from infrastructure.database.driver_errors import words
from infrastructure.database.error_sentences import explain_error
from infrastructure.database.postgres.connection import LOST, PostgresOptions, connect_to_write
from infrastructure.database.revocations import (
    LEASED_COLUMNS,
    OVERDUE,
    SHARED,
    Backlog,
    CatalogueProvider,
    Progress,
    ProviderBacklog,
    Turn,
    encoded,
    leased_revocation,
)

T = TypeVar("T")

_FREE = "(leased_until IS NULL OR leased_until <= clock_timestamp())"
_LATER = "clock_timestamp() + make_interval(secs => {})"

_DECLARE = (
    "INSERT INTO catalogue_providers AS k (slug, revocable, ends_grant, manage_url, give_up_after)"
    " SELECT * FROM unnest($1::text[], $2::boolean[], $3::boolean[], $4::text[], $5::interval[])"
    " ORDER BY 1 ON CONFLICT (slug) DO UPDATE SET revocable = k.revocable OR excluded.revocable,"
    " ends_grant = excluded.ends_grant, manage_url = excluded.manage_url,"
    " give_up_after = excluded.give_up_after"
)
_FORGET = "DELETE FROM catalogue_providers WHERE slug = $1"
_OVERDUE = (
    "SELECT attempt_id FROM pending_revocations"
    f" WHERE give_up_at <= clock_timestamp() AND {_FREE}"
    f" ORDER BY give_up_at LIMIT {OVERDUE} FOR UPDATE SKIP LOCKED"
)
# The lock keeps two nodes from counting the same leases at once.
_FREE_PROVIDERS = (
    "SELECT slug FROM catalogue_providers WHERE slug = ANY ($1) AND free_at <= clock_timestamp()"
    " AND EXISTS (SELECT 1 FROM pending_revocations p WHERE p.provider_slug = slug"
    f" AND due_at <= clock_timestamp() AND {_FREE})"
    " ORDER BY slug FOR UPDATE SKIP LOCKED"
)
_DUE = f"""
SELECT p.attempt_id, p.user_id, t.slug
FROM unnest($1::text[], $2::int[], $3::int[]) AS t (slug, most, concurrency)
CROSS JOIN LATERAL (
    SELECT attempt_id, user_id FROM pending_revocations
    WHERE provider_slug = t.slug AND due_at <= clock_timestamp() AND give_up_at > clock_timestamp()
        AND {_FREE}
    ORDER BY due_at
    LIMIT greatest(0, least(t.most, t.concurrency - (
        SELECT count(*) FROM pending_revocations
        WHERE provider_slug = t.slug AND lease IS NOT NULL AND leased_until > clock_timestamp()
    )))
    FOR UPDATE SKIP LOCKED
) AS p
"""
_HEADS = (
    "SELECT user_id FROM log_heads WHERE user_id = ANY ($1) ORDER BY user_id FOR UPDATE SKIP LOCKED"
)
_PUT_OFF = (
    f"UPDATE pending_revocations SET due_at = least(give_up_at, {_LATER.format(1)})"
    " WHERE attempt_id = ANY ($1)"
)
_BUSY = (
    f"UPDATE catalogue_providers k SET free_at = {_LATER.format('t.seconds')}"
    " FROM unnest($1::text[], $2::double precision[]) AS t (slug, seconds) WHERE k.slug = t.slug"
)
_LEASE = (
    "UPDATE pending_revocations"
    f" SET lease = gen_random_uuid(), leased_until = {_LATER.format('$2')}"
    " WHERE attempt_id = ANY ($1)"
)
_LEASED = (
    f"SELECT {', '.join(LEASED_COLUMNS)}, p.give_up_at <= clock_timestamp(), {SHARED}"
    " FROM pending_revocations p JOIN provider_connections c ON c.id = p.connection_id"
    " LEFT JOIN catalogue_providers k ON k.slug = p.provider_slug"
    " WHERE p.attempt_id = ANY ($1) ORDER BY p.due_at"
)
_POSTPONE = (
    "UPDATE pending_revocations SET lease = NULL, leased_until = NULL, tries = tries + 1,"
    f" answers = $1, code = $2, due_at = least(give_up_at, {_LATER.format('$3')})"
    " WHERE attempt_id = $4 AND lease = $5"
)
_AGE = "coalesce(extract(epoch FROM clock_timestamp() - min(begun_at)), 0)::float"
_BACKLOG = f"SELECT count(*), {_AGE} FROM pending_revocations"
_BY_PROVIDER = f"""
WITH pending AS (
    SELECT provider_slug AS slug, count(*) AS count, {_AGE} AS oldest, max(tries) AS tries,
        (array_agg(code ORDER BY tries DESC))[1] AS code
    FROM pending_revocations GROUP BY provider_slug
), failed AS (
    SELECT provider_slug AS slug, count(*) AS count FROM provider_connections
    WHERE revocation_status = 'failed' GROUP BY provider_slug
)
SELECT slug, coalesce(p.count, 0), coalesce(oldest, 0), coalesce(tries, 0), code,
    coalesce(f.count, 0)
FROM pending p FULL JOIN failed f USING (slug) ORDER BY slug
"""
_RETRY = "UPDATE pending_revocations SET due_at = clock_timestamp(), tries = 0"

_log = structlog.get_logger(__name__)


class PostgresRevocationQueue:
    """`RevocationQueue`, on a connection of its own, which is opened when it is needed."""

    def __init__(self, options: PostgresOptions) -> None:
        self._options = options
        self._connection: asyncpg.Connection | None = None
        self._lock = asyncio.Lock()

    @property
    def may_hold_leases(self) -> bool:
        """Other nodes may."""
        return True

    async def declare(self, providers: Sequence[CatalogueProvider]) -> None:
        columns = zip(
            *(
                (each.slug, each.revocable, each.ends_grant, each.manage_url, each.give_up_after)
                for each in providers
            ),
            strict=True,
        )
        if values := list(columns):
            await self._run(lambda db: db.execute(_DECLARE, *values))

    async def forget(self, slug: str) -> bool:
        return await self._run(lambda db: db.execute(_FORGET, slug)) != "DELETE 0"

    async def lease(self, turns: Sequence[Turn], lasts: float) -> Sequence[LeasedRevocation]:
        """See `RevocationQueue.lease`. What shares a grant is decided behind the user's head."""
        rows = await self._run(lambda db: _lease(db, turns, lasts))
        return [leased_revocation(tuple(row)) for row in rows]

    async def postpone(self, leased: LeasedRevocation, progress: Progress) -> None:
        values = (encoded(progress.answers), progress.code, progress.seconds)
        held = (leased.attempt_id, leased.lease)
        await self._run(lambda db: db.execute(_POSTPONE, *values, *held))

    async def backlog(self) -> Backlog:
        (row,) = await self._run(lambda db: db.fetch(_BACKLOG))
        return Backlog(*row)

    async def by_provider(self) -> Sequence[ProviderBacklog]:
        rows = await self._run(lambda db: db.fetch(_BY_PROVIDER))
        return [ProviderBacklog(*row) for row in rows]

    async def retry(self) -> int:
        status = await self._run(lambda db: db.execute(_RETRY))
        return int(status.rpartition(" ")[2])

    async def aclose(self) -> None:
        """Drops the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def _run(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        async with self._lock:
            try:
                if self._connection is None or self._connection.is_closed():
                    self._connection = await connect_to_write(self._options)
                return await work(self._connection)
            except BaseException as error:
                if not isinstance(error, asyncpg.PostgresError) or isinstance(error, LOST):
                    await self.aclose()  # cancelled in the middle, it would be of no use
                if not isinstance(error, Exception):
                    raise
                _log.warning("revocations_unavailable", error=words(error))
                raise StorageError(explain_error(error)) from None


async def _lease(
    db: asyncpg.Connection, turns: Sequence[Turn], lasts: float
) -> Sequence[asyncpg.Record]:
    async with db.transaction():
        overdue = [row[0] for row in await db.fetch(_OVERDUE)]
        free = {row[0] for row in await db.fetch(_FREE_PROVIDERS, [turn.slug for turn in turns])}
        taken = await _due(db, [turn for turn in turns if turn.slug in free]) if free else []
        if not overdue and not taken:
            return []
        attempts: list[UUID] = [*overdue, *taken]
        await db.execute(_LEASE, attempts, lasts)
        return list(await db.fetch(_LEASED, attempts))


async def _due(db: asyncpg.Connection, turns: Sequence[Turn]) -> Sequence[UUID]:
    """Due revocations whose users' heads are locked now, by this transaction."""
    slugs, most = [turn.slug for turn in turns], [turn.most for turn in turns]
    found = await db.fetch(_DUE, slugs, most, [turn.concurrency for turn in turns])
    locked = {row[0] for row in await db.fetch(_HEADS, list({row[1] for row in found}))}
    taken = [row for row in found if row[1] in locked]
    if len(taken) < len(found):
        await db.execute(_PUT_OFF, [row[0] for row in found if row[1] not in locked])
    used = [turn.seconds * sum(row[2] == turn.slug for row in taken) for turn in turns]
    await db.execute(_BUSY, slugs, used)
    return [row[0] for row in taken]
