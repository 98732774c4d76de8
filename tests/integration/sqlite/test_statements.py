"""What commits ask of a file costs the same however long the log is."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

from infrastructure.database.sqlite import commit, revocations, store
from infrastructure.database.sqlite.migrate import migrate_sqlite

SMALL = {"json_each", "account", "h", "CONSTANT", "catalogue_providers", "webhook_endpoints", "e"}
"""Lists that are given, and tables with a row for each provider or endpoint."""
STATEMENTS = [
    (module, name)
    for module in (commit, revocations, store)
    for name, value in vars(module).items()
    if isinstance(value, str) and re.match(r"(SELECT|INSERT|UPDATE|DELETE|WITH) ", value)
]


def plan(db: sqlite3.Connection, sql: str) -> list[str]:
    numbered = re.findall(r"\?(\d)", sql)
    values = ["[]"] * (max(map(int, numbered)) if numbered else sql.count("?"))
    return [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", values)]


@pytest.mark.parametrize(("module", "name"), STATEMENTS, ids=[name for _, name in STATEMENTS])
def test_no_table_is_read_as_a_whole(module: ModuleType, name: str, tmp_path: Path) -> None:
    path = tmp_path / "unplug.sqlite3"
    migrate_sqlite(path)
    with closing(sqlite3.connect(path)) as db:
        steps = plan(db, getattr(module, name))
    scanned = {step.split()[1] for step in steps if step.startswith("SCAN ")}
    assert scanned <= SMALL
