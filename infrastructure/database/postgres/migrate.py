"""Brings a PostgreSQL database's schema up to date, however many nodes try at once."""

from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg

from infrastructure.database.migrate import migrations

LOCK = 0x756E706C7567  # "unplug"


async def migrate_postgres(url: str, connect_timeout: float = 10.0) -> Sequence[str]:
    """Names of the migrations that were applied, in one transaction.

    Raises `asyncpg.PostgresError` or `OSError`, and then nothing has changed. The lock is the
    transaction's own: a session's would not survive a proxy that pools transactions.
    """
    connection = await asyncpg.connect(url, timeout=connect_timeout, statement_cache_size=0)
    try:
        async with connection.transaction():
            await connection.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
            return await _apply(connection)
    finally:
        await connection.close()


async def _apply(connection: asyncpg.Connection) -> Sequence[str]:
    current = 0
    if await connection.fetchval("SELECT to_regclass('schema_version') IS NOT NULL"):
        current = await connection.fetchval("SELECT coalesce(max(version), 0) FROM schema_version")
    applied = []
    for migration in migrations("postgres"):
        if migration.version > current:
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO schema_version (version, applied_at) VALUES ($1, $2)",
                migration.version,
                datetime.now(UTC),
            )
            applied.append(migration.name)
    return applied
