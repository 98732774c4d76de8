"""Bringing a SQLite file up to date."""

import asyncio
import sys
from contextlib import closing
from pathlib import Path

import pytest

from domain.ports import StorageError
from infrastructure.database.database import open_database
from infrastructure.database.migrate import latest, migrations
from infrastructure.database.sqlite.connection import connect
from infrastructure.database.sqlite.migrate import migrate_sqlite
from infrastructure.failures import OperatorError

MIGRATE = """
import sys
from pathlib import Path
from infrastructure.database.sqlite.migrate import migrate_sqlite
print(*migrate_sqlite(Path(sys.argv[1])))
"""

ALL = [migration.name for migration in migrations("sqlite")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "unplug.sqlite3"


def test_second_run_has_nothing_to_do(path: Path) -> None:
    assert migrate_sqlite(path) == ALL
    assert migrate_sqlite(path) == []


def test_a_new_file_and_what_lies_beside_it_are_nobody_elses_business(path: Path) -> None:
    migrate_sqlite(path)
    with closing(connect(path)) as database:
        database.execute("SELECT * FROM schema_version")
        modes = {
            file.name: file.stat().st_mode & 0o777 for file in path.parent.glob(f"{path.name}*")
        }

    assert set(modes.values()) == {0o600}, modes


async def test_migrators_at_the_same_time_do_it_once(path: Path) -> None:
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", MIGRATE, str(path), stdout=asyncio.subprocess.PIPE
        )
        for _ in range(3)
    ]

    outputs = [(await process.communicate())[0].strip() for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(outputs) == [b"", b"", " ".join(ALL).encode()]


def test_migration_that_fails_changes_nothing(path: Path) -> None:
    with closing(connect(path)) as db:
        db.execute("CREATE TABLE open_attempts (in_the_way INTEGER)")

    with pytest.raises(OperatorError, match="not those of this version"):
        migrate_sqlite(path)

    with closing(connect(path)) as db:
        tables = db.execute("SELECT name FROM sqlite_schema").fetchall()
    assert tables == [("open_attempts",)]


@pytest.mark.parametrize(("ahead", "current"), [(-1, False), (0, True), (1, True)])
async def test_schema_is_current_unless_it_is_older(path: Path, ahead: int, current: bool) -> None:
    migrate_sqlite(path)
    with closing(connect(path)) as db:
        db.execute("DELETE FROM schema_version")
        db.execute("INSERT INTO schema_version VALUES (?, '')", (latest("sqlite") + ahead,))

    async with open_database(f"sqlite://{path}") as database:
        assert await database.schema_is_current() is current


async def test_file_without_a_schema_is_not_current(path: Path) -> None:
    path.touch()

    async with open_database(f"sqlite://{path}") as database:
        assert not await database.schema_is_current()


@pytest.mark.parametrize("content", [None, b"not a database" * 100])
async def test_what_is_no_database_is_refused_and_not_made(
    path: Path, content: bytes | None
) -> None:
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(StorageError):
        async with open_database(f"sqlite://{path}"):
            pass

    assert path.exists() is (content is not None)
    # It gave way to the next one.
    other = path.with_name("other.sqlite3")
    migrate_sqlite(other)
    async with open_database(f"sqlite://{other}"):
        pass
