"""Drivers' exceptions become ours; their own words go to the server's log only."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import structlog
from tortoise.exceptions import BaseORMException

from domain.ports import StorageError
from infrastructure.database.error_sentences import explain_error

log = structlog.get_logger(__name__)

# Tortoise wraps some of them only.
DRIVER_ERRORS = (
    BaseORMException,
    sqlite3.Error,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,  # refused and lost connections, and asyncpg's timeouts
)


@contextmanager
def reading() -> Iterator[None]:
    """Around a read: a driver's errors become `StorageError`, with a sentence for operators."""
    try:
        yield
    except DRIVER_ERRORS as error:
        log.warning("read_failed", error=words(error))
        raise StorageError(explain_error(error)) from None


def words(error: BaseException | None) -> str:
    """What it was, in names: a driver's own text may quote data."""
    if isinstance(error, BaseORMException) and error.args and isinstance(error.args[0], Exception):
        return words(error.args[0])
    if isinstance(error, sqlite3.Error):
        return f"{type(error).__name__} ({getattr(error, 'sqlite_errorname', 'no code')})"
    return type(error).__name__
