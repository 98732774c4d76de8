"""One run at a time of a command that must not meet itself, on a PostgreSQL server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

LOCK = 0x756E706C7568
_TRIES = 10
_PAUSE = 0.2
"""Seconds. A server notices within them that a process was killed."""


@asynccontextmanager
async def sole_run(url: str, connect_timeout: float = 10.0) -> AsyncIterator[bool]:
    """Whether no other run holds the lock, which this one holds until the end of the context.

    Raises `asyncpg.PostgresError` or `OSError`. The lock is a transaction's: a session's would not
    survive a proxy that pools transactions. The transaction reads nothing and holds up no other.
    """
    connection = await asyncpg.connect(url, timeout=connect_timeout, statement_cache_size=0)
    try:
        await connection.execute("BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0")
        yield await _locked(connection)
    finally:
        connection.terminate()  # which ends the transaction, also on a connection that broke


async def _locked(connection: asyncpg.Connection) -> bool:
    for _ in range(_TRIES):
        if await connection.fetchval(f"SELECT pg_try_advisory_xact_lock({LOCK})"):
            return True
        await asyncio.sleep(_PAUSE)
    return False
