"""Nothing is left of destroyed credentials, in the file or beside it.

`secure_delete` overwrites what a row leaves behind, but not the copies that stay in pages which
were split, nor the older pages in the WAL.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

import structlog

from infrastructure.database.sqlite.connection import connect

log = structlog.get_logger(__name__)


def mark_destroyed(db: sqlite3.Connection) -> None:
    """Notes in the file, in the running transaction, that it has to be purged."""
    if not _marked(db):
        db.execute("PRAGMA user_version = 1")


def purge(path: Path) -> None:
    """Rewrites the file if credentials were destroyed since it last was, and empties the WAL.

    For the only server, after its last connection is closed. What fails stays marked.
    """
    try:
        with closing(connect(path)) as db:
            if _marked(db):
                db.execute("VACUUM")
                db.execute("PRAGMA user_version = 0")
            busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                log.warning("purge_incomplete", error="another process is reading the file")
    except sqlite3.Error as error:
        log.warning("purge_failed", error=f"{type(error).__name__}: {error}")


def _marked(db: sqlite3.Connection) -> bool:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return bool(version)
