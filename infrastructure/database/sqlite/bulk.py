"""Many rows at once, and single statements."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain, islice
from typing import Any
from uuid import UUID

from infrastructure.database.rows.connections import CONNECTION_COLUMNS
from infrastructure.database.sqlite.purge import mark_destroyed
from infrastructure.database.statements import Statement
from infrastructure.database.store import StoredCredential

_REPLACE_CREDENTIALS = (
    "UPDATE provider_connections SET encrypted_credentials = ?, version = version + 1"
    " WHERE id = ? AND version = ? AND encrypted_credentials IS NOT NULL"
)
RECORD_KEY = "INSERT INTO credentials_keys (fingerprint) VALUES (?) ON CONFLICT DO NOTHING"
FORGET_KEY = "DELETE FROM credentials_keys WHERE fingerprint = ?"
_ROWS_A_STATEMENT = 2000  # 30,000 values; SQLite takes 32,766
_BULK = {"wal_autocheckpoint": 16_384, "cache_size": -65_536}
_USUAL = {"wal_autocheckpoint": 1_000, "cache_size": -2_000}


def insert_connections(db: sqlite3.Connection, rows: Sequence[Sequence[object]]) -> int:
    """In one transaction; ids that are there already are left untouched. Returns how many were new.

    A statement for many rows, because `sqlite3` lets other threads run once a statement, and has to
    wait for its turn afterwards. Pages go back to the file every 64 MiB and not every 4: rows with
    random ids touch one page each.
    """
    _set(db, _BULK)
    try:
        db.execute("BEGIN IMMEDIATE")
        before = db.total_changes
        for some in _parts(rows):
            db.execute(_insert_sql(len(some)), list(chain.from_iterable(some)))
        inserted = db.total_changes - before
        db.execute("COMMIT")
    finally:
        _set(db, _USUAL)
    return inserted


def replace_credentials(db: sqlite3.Connection, changed: Sequence[StoredCredential]) -> int:
    """In one transaction, each only if its row has the version that was read; says how many."""
    rows = [(new.encrypted_data, str(new.connection_id), new.version) for new in changed]
    db.execute("BEGIN IMMEDIATE")
    mark_destroyed(db)  # what the old key encrypted is to go as well
    replaced = db.executemany(_REPLACE_CREDENTIALS, rows).rowcount
    db.execute("COMMIT")
    return replaced


def execute(
    db: sqlite3.Connection, statement: Statement, values: Sequence[object]
) -> Sequence[Mapping[str, Any]]:
    """One statement as a transaction; the rows that it returns."""
    named = {str(number): _bound(value) for number, value in enumerate(values, 1)}
    if statement.destroys:
        db.execute("BEGIN IMMEDIATE")
        mark_destroyed(db)
    cursor = db.execute(statement.sql("sqlite"), named)
    names = [column[0] for column in cursor.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    if statement.destroys:
        db.execute("COMMIT")
    return rows


def _bound(value: object) -> Any:  # noqa: ANN401 (what sqlite3 takes)
    match value:
        case UUID():
            return str(value)
        case datetime():
            return value.isoformat(" ")
        case _:
            return value


def _parts(rows: Sequence[Sequence[object]]) -> Iterator[Sequence[Sequence[object]]]:
    rest = iter(rows)
    while some := list(islice(rest, _ROWS_A_STATEMENT)):
        yield some


@lru_cache(maxsize=2)
def _insert_sql(rows: int) -> str:
    row = f"({', '.join('?' * len(CONNECTION_COLUMNS))})"
    return (
        f"INSERT INTO provider_connections ({', '.join(CONNECTION_COLUMNS)})"  # noqa: S608 (constants)
        f" VALUES {', '.join([row] * rows)} ON CONFLICT DO NOTHING"
    )


def _set(db: sqlite3.Connection, pragmas: dict[str, int]) -> None:
    for name, value in pragmas.items():
        db.execute(f"PRAGMA {name}={value}")
