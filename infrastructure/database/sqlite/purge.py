"""Removes what is left of destroyed credentials, in the file and in its WAL.

`secure_delete` overwrites what a row leaves behind. It does not reach the copies in pages that
were split, nor the older pages in the WAL.
"""

import sqlite3
from contextlib import closing
from enum import IntEnum
from pathlib import Path
from time import monotonic

import structlog

from infrastructure.database.driver_errors import words
from infrastructure.database.sqlite.connection import connect

log = structlog.get_logger(__name__)

_COPYING = 0.25
"""Share of a rewrite that VACUUM spends on the copy. The rest can't be interrupted."""

_PROGRESS_STEPS = 10_000


class _Mark(IntEnum):
    """`user_version` of the file. A purge that is cut off leaves it marked."""

    CLEAN = 0
    DESTROYED = 1
    PURGING = 2


def mark_destroyed(db: sqlite3.Connection) -> None:
    """Notes, in the running transaction, that credentials were destroyed."""
    if _mark(db) != _Mark.DESTROYED:
        _set_mark(db, _Mark.DESTROYED)


def purge(path: Path, seconds: float | None = None) -> None:
    """Rewrites the file if credentials were destroyed since the last purge; empties the WAL.

    For the only server, after its last connection is closed. Command-line tools may still write.
    A rewrite that would take longer than `seconds` is postponed. That and failures are logged, and
    the file stays marked.
    """
    try:
        with closing(connect(path)) as db:
            if _mark(db) != _Mark.CLEAN:
                _rewrite(db, seconds)
            busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                log.warning("purge_incomplete", error="another process is reading the file")
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            log.warning("purge_postponed", finish_with="unplug migrate", megabytes=_size(path))
        else:
            log.warning("purge_failed", error=words(error))


def _rewrite(db: sqlite3.Connection, seconds: float | None) -> None:
    """Credentials that another process destroys meanwhile set the mark again, and it stays."""
    _set_mark(db, _Mark.PURGING)
    if seconds is not None:
        late = monotonic() + seconds * _COPYING
        db.set_progress_handler(lambda: monotonic() > late, _PROGRESS_STEPS)
    db.execute("VACUUM")
    db.set_progress_handler(None, 0)
    db.execute("BEGIN IMMEDIATE")
    if _mark(db) == _Mark.PURGING:
        _set_mark(db, _Mark.CLEAN)
    db.execute("COMMIT")


def _mark(db: sqlite3.Connection) -> int:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return int(version)


def _set_mark(db: sqlite3.Connection, mark: _Mark) -> None:
    db.execute(f"PRAGMA user_version = {mark:d}")


def _size(path: Path) -> int:
    return path.stat().st_size // 1_000_000
