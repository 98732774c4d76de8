"""A disk whose fsync fails at COMMIT: what was reported is what a restart finds.

The frames of such a commit stay in the WAL. This process never sees them again, and a process that
starts anew would find them there.
"""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from infrastructure.database.sqlite.connection import connect
from infrastructure.database.sqlite.migrate import migrate_sqlite

# Runs as a process of its own, which ends as in a power cut: nothing is closed.
NODE = """
import asyncio, os, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from domain.ports import StorageError
from infrastructure.database.sqlite.store import SqliteStore
from infrastructure.database.members import Write
from infrastructure.database.store import OutcomeUnknown
from infrastructure.persistence.writer import Writer
from tests.contracts.worlds.world import attempted
from tests.support.failing_disk import fail_every_fsync
from tests.support.ids import a_connection, a_user

async def read_back(path):
    store = SqliteStore(Path(path))
    first, lost = [[Write(events=(attempted(a_user(1), a_connection()),))] for _ in range(2)]
    await store.commit(first)
    await store._run(lambda db: fail_every_fsync())
    try:
        await store.commit(lost)
    except OutcomeUnknown:
        print("in doubt")
    store._thread = ThreadPoolExecutor(1)
    print(*await store.read_back(lost))
    sys.stdout.flush()
    os.kill(os.getpid(), 9)

async def write(path, heals):
    store = SqliteStore(Path(path))
    writer = Writer(store, lambda recorded: print("recorded", recorded[0].event.id))
    await writer.__aenter__()  # it is never left
    write = lambda: writer.write(Write(events=(attempted(a_user(1), a_connection()),)))
    await write()
    await store._run(lambda db: fail_every_fsync())
    pending = asyncio.create_task(write())
    done, _ = await asyncio.wait({pending}, timeout=1)
    for task in done:
        print("refused" if isinstance(task.exception(), StorageError) else "answered")
    if heals:
        store._thread = ThreadPoolExecutor(1)  # the filter is for the thread that it was set in
        await pending
    sys.stdout.flush()
    os.kill(os.getpid(), 9)

path, case = sys.argv[1:]
asyncio.run(read_back(path) if case == "read back" else write(path, case == "heals"))
"""


def run(path: Path, case: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", NODE, str(path), case],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -9, done.stderr
    return [line for line in done.stdout.splitlines() if "warning" not in line]


def logged(path: Path) -> list[str]:
    with closing(connect(path)) as db:
        return [id_ for (id_,) in db.execute("SELECT id FROM provider_events ORDER BY position")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "unplug.sqlite3"
    migrate_sqlite(path)
    return path


def test_a_write_is_not_called_refused_while_a_restart_may_find_it(path: Path) -> None:
    printed = run(path, "stays ill")

    assert "refused" not in printed
    assert len(printed) == 1


def test_a_write_is_recorded_once_when_the_disk_is_well_again(path: Path) -> None:
    printed = run(path, "heals")

    assert [f"recorded {id_}" for id_ in logged(path)] == printed
    assert len(printed) == 2


def test_what_a_read_back_did_not_find_is_not_found_by_a_restart(path: Path) -> None:
    assert run(path, "read back") == ["in doubt", "None"]
    assert len(logged(path)) == 1
