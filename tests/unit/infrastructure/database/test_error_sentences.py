"""What operators read about a SQLite file that can't be used."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from infrastructure.database.error_sentences import explain_error


def read_only(folder: Path) -> None:
    (folder / "a.db").touch()
    with closing(sqlite3.connect(f"file:{folder}/a.db?mode=ro", uri=True)) as db:
        db.execute("CREATE TABLE a (b)")


def no_folder(folder: Path) -> None:
    sqlite3.connect(folder / "missing" / "a.db")


def locked(folder: Path) -> None:
    with (
        closing(sqlite3.connect(folder / "a.db", isolation_level=None)) as one,
        closing(sqlite3.connect(folder / "a.db", isolation_level=None, timeout=0)) as other,
    ):
        one.execute("BEGIN IMMEDIATE")
        other.execute("BEGIN IMMEDIATE")


def no_database(folder: Path) -> None:
    (folder / "a.db").write_bytes(b"hunter2" * 1000)
    with closing(sqlite3.connect(folder / "a.db")) as db:
        db.execute("SELECT * FROM sqlite_schema")


def full(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "a.db")) as db:
        db.execute("PRAGMA max_page_count = 2")
        db.execute("CREATE TABLE a (b)")
        db.execute("INSERT INTO a VALUES (zeroblob(100000))")


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (read_only, "read-only"),
        (no_folder, "its folder must exist"),
        (locked, "Another process has locked the database file"),
        (no_database, "not a database"),
        (full, "full"),
    ],
)
def test_sqlite(tmp_path: Path, fault: Callable[[Path], None], sentence: str) -> None:
    with pytest.raises(sqlite3.Error) as raised:
        fault(tmp_path)
    explained = explain_error(raised.value)
    assert sentence in explained
    assert "hunter2" not in explained
    assert type(raised.value).__name__ not in explained
