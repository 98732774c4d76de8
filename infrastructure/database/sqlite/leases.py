"""Pending revocations in a SQLite file. One server works on it, so one lock keeps all in order."""

import sqlite3
from collections.abc import Sequence
from time import monotonic
from typing import Any, TypeAlias
from uuid import uuid4

from domain.token_revocation import LeasedRevocation
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
from infrastructure.database.sqlite.store import SqliteStore

Row: TypeAlias = tuple[Any, ...]

_CLOCK = "strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')"
_LATER = "strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', ? || ' seconds')"
_FREE = f"(leased_until IS NULL OR leased_until <= {_CLOCK})"

_DECLARE = (
    "INSERT INTO catalogue_providers (slug, revocable, ends_grant, manage_url, give_up_after)"
    " VALUES (?, ?, ?, ?, ?) ON CONFLICT (slug) DO UPDATE SET"
    " revocable = max(revocable, excluded.revocable), ends_grant = excluded.ends_grant,"
    " manage_url = excluded.manage_url, give_up_after = excluded.give_up_after"
)
_VOID = "UPDATE pending_revocations SET lease = NULL, leased_until = NULL WHERE lease IS NOT NULL"
_FORGET = "DELETE FROM catalogue_providers WHERE slug = ?"
_OVERDUE = (
    f"SELECT attempt_id FROM pending_revocations WHERE give_up_at <= {_CLOCK} AND {_FREE}"
    " ORDER BY give_up_at LIMIT ?"
)
_DUE = (
    "SELECT attempt_id FROM pending_revocations WHERE provider_slug = ?1"
    f" AND due_at <= {_CLOCK} AND give_up_at > {_CLOCK} AND {_FREE} ORDER BY due_at"
    " LIMIT coalesce((SELECT max(0, min(?2, ?3 - (SELECT count(*) FROM pending_revocations"
    f" WHERE provider_slug = ?1 AND lease IS NOT NULL AND leased_until > {_CLOCK})))"
    f" FROM catalogue_providers WHERE slug = ?1 AND free_at <= {_CLOCK}), 0)"
)
_BUSY = f"UPDATE catalogue_providers SET free_at = {_LATER} WHERE slug = ?"
_LEASE = f"UPDATE pending_revocations SET lease = ?, leased_until = {_LATER} WHERE attempt_id = ?"
_LEASED = (
    f"SELECT {', '.join(LEASED_COLUMNS)}, p.give_up_at <= {_CLOCK}, {SHARED}"
    " FROM pending_revocations p JOIN provider_connections c ON c.id = p.connection_id"
    " LEFT JOIN catalogue_providers k ON k.slug = p.provider_slug WHERE p.attempt_id = ?"
)
_POSTPONE = (
    "UPDATE pending_revocations SET lease = NULL, leased_until = NULL, tries = tries + 1,"
    f" answers = ?, code = ?, due_at = min(give_up_at, {_LATER})"
    " WHERE attempt_id = ? AND lease = ?"
)

_AGE = "coalesce((julianday('now') - julianday(min(begun_at))) * 86400, 0)"
_BACKLOG = f"SELECT count(*), {_AGE} FROM pending_revocations"
_BY_PROVIDER = f"""
WITH pending AS (
    SELECT provider_slug AS slug, count(*) AS count, {_AGE} AS oldest, max(tries) AS tries, code
    FROM pending_revocations GROUP BY provider_slug
), failed AS (
    SELECT provider_slug AS slug, count(*) AS count FROM provider_connections
    WHERE revocation_status = 'failed' GROUP BY provider_slug
)
SELECT slug, coalesce(p.count, 0), coalesce(oldest, 0), coalesce(tries, 0), code,
    coalesce(f.count, 0)
FROM (SELECT slug FROM pending UNION SELECT slug FROM failed)
    LEFT JOIN pending p USING (slug) LEFT JOIN failed f USING (slug)
ORDER BY slug
"""
_RETRY = f"UPDATE pending_revocations SET due_at = {_CLOCK}, tries = 0"


class SqliteRevocationQueue:
    """`RevocationQueue`. A file has one server: when it declares its catalogue, leases are void."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._leases_end = float("-inf")

    @property
    def may_hold_leases(self) -> bool:
        """This process is the only one that takes leases, in the thread that commits."""
        return monotonic() < self._leases_end

    async def declare(self, providers: Sequence[CatalogueProvider]) -> None:
        await self._store.run_alone(lambda db: _declare(db, providers))

    async def forget(self, slug: str) -> bool:
        return await self._store.run_alone(lambda db: db.execute(_FORGET, (slug,)).rowcount > 0)

    async def lease(self, turns: Sequence[Turn], lasts: float) -> Sequence[LeasedRevocation]:
        rows = await self._store.run_alone(lambda db: self._lease(db, turns, lasts))
        return [leased_revocation(row) for row in rows]

    def _lease(self, db: sqlite3.Connection, turns: Sequence[Turn], lasts: float) -> Sequence[Row]:
        """`may_hold_leases` is true before a commit that follows can be answered."""
        rows = _lease(db, turns, lasts)
        if rows:
            self._leases_end = monotonic() + lasts
        return rows

    async def postpone(self, leased: LeasedRevocation, progress: Progress) -> None:
        answers = encoded(progress.answers)
        held = (str(leased.attempt_id), str(leased.lease))
        values = (answers, progress.code, progress.seconds, *held)
        await self._store.run_alone(lambda db: db.execute(_POSTPONE, values))

    async def backlog(self) -> Backlog:
        return Backlog(*await self._store.run_alone(lambda db: db.execute(_BACKLOG).fetchone()))

    async def by_provider(self) -> Sequence[ProviderBacklog]:
        rows = await self._store.run_alone(lambda db: db.execute(_BY_PROVIDER).fetchall())
        return [ProviderBacklog(*row) for row in rows]

    async def retry(self) -> int:
        return await self._store.run_alone(lambda db: db.execute(_RETRY).rowcount)


def _declare(db: sqlite3.Connection, providers: Sequence[CatalogueProvider]) -> None:
    db.execute(_VOID)
    for each in providers:
        seconds = each.give_up_after.total_seconds()
        values = (each.slug, each.revocable, each.ends_grant, each.manage_url, seconds)
        db.execute(_DECLARE, values)


def _lease(db: sqlite3.Connection, turns: Sequence[Turn], lasts: float) -> Sequence[Row]:
    """Nothing else takes leases, so that only a look that finds something locks the file."""
    taken = [attempt_id for (attempt_id,) in db.execute(_OVERDUE, (OVERDUE,))]
    used: list[tuple[float, str]] = []
    for turn in turns:
        due = db.execute(_DUE, (turn.slug, turn.most, turn.concurrency)).fetchall()
        taken += [attempt_id for (attempt_id,) in due]
        if due:
            used.append((len(due) * turn.seconds, turn.slug))
    if not taken:
        return []
    db.execute("BEGIN IMMEDIATE")
    db.executemany(_BUSY, used)
    rows: list[Row] = []
    for attempt_id in taken:
        db.execute(_LEASE, (str(uuid4()), lasts, attempt_id))
        rows += db.execute(_LEASED, (attempt_id,)).fetchall()
    db.execute("COMMIT")
    return rows
