"""Brings a SQLite file's schema up to date."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from infrastructure.database.error_sentences import explain_error
from infrastructure.database.migrate import migrations
from infrastructure.database.sqlite.connection import connect
from infrastructure.failures import DatabaseUnavailable, OperatorError


def migrate_sqlite(path: Path) -> Sequence[str]:
    """Names of the migrations that were applied; creates a missing file.

    Raises `OperatorError`, and then nothing has changed.
    """
    try:
        with contextlib.suppress(FileExistsError):  # for its owner only, like its key file
            os.close(os.open(path, os.O_CREAT | os.O_EXCL, mode=0o600))
        return _migrate(path)
    except OSError as error:
        raise OperatorError(f"{path} can't be made: {error.strerror}.") from None
    except sqlite3.Error as error:
        raise DatabaseUnavailable(f"{path}: {explain_error(error)}") from None


def _migrate(path: Path) -> Sequence[str]:
    applied: list[str] = []
    with closing(connect(path)) as db:
        db.execute("BEGIN IMMEDIATE")
        try:
            current = _current(db)
            for migration in migrations("sqlite"):
                if migration.version > current:
                    for statement in _statements(migration.sql):
                        db.execute(statement)
                    db.execute(
                        "INSERT INTO schema_version (version, applied_at) VALUES (?, ?)",
                        (migration.version, datetime.now(UTC).isoformat(" ")),
                    )
                    applied.append(migration.name)
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")
    return applied


def _current(db: sqlite3.Connection) -> int:
    made = db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'schema_version'").fetchone()
    if made is None:
        return 0
    (version,) = db.execute("SELECT coalesce(max(version), 0) FROM schema_version").fetchone()
    return int(version)


def _statements(script: str) -> Iterator[str]:
    """One by one: `executescript` would commit the transaction that it finds."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        raise ValueError("a migration ends within a statement")
