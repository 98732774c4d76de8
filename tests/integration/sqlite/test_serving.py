"""One server per file, and what it leaves behind."""

import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from domain.provider_connection import ProviderConnection, ProviderCredentials
from infrastructure.database.database import open_database, serving
from infrastructure.database.members import Write
from infrastructure.database.sqlite.connection import connect
from infrastructure.database.sqlite.lock import refuse_other_names
from infrastructure.database.sqlite.migrate import migrate_sqlite
from infrastructure.database.sqlite.purge import mark_destroyed, purge
from infrastructure.failures import InUse, OperatorError
from infrastructure.persistence.stored_credentials import TortoiseStoredCredentials
from tests.contracts.worlds.world import active, attempted, succeeded
from tests.support.ids import a_user

HOLD = """
import sys
from infrastructure.database.database import serving
with serving(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "unplug.sqlite3"


@contextmanager
def another_server(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, f"sqlite://{path}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process


def test_second_server_is_told_who_holds_the_file(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "another-name.sqlite3"
    with another_server(path) as other:
        link.symlink_to(path)
        for name in (path, link):
            with (
                pytest.raises(
                    OperatorError, match=f"in use by another server: process {other.pid}"
                ),
                serving(f"sqlite://{name}"),
            ):
                pass

    with serving(f"sqlite://{path}"):
        pass


def test_lock_does_not_outlive_a_server_that_was_killed(path: Path) -> None:
    with another_server(path) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()

        with serving(f"sqlite://{path}"):
            pass


def test_lock_in_no_folder_is_a_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(OperatorError, match="can't be written"),
        serving(f"sqlite://{tmp_path}/no/db"),
    ):
        pass


def test_file_that_is_no_database_is_a_sentence(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)

    with pytest.raises(OperatorError, match="not a database"), serving(f"sqlite://{path}"):
        pass


def test_file_that_is_no_database_is_not_left_open(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)

    with pytest.raises(sqlite3.DatabaseError) as error:
        connect(path)

    connection = error.traceback[-1].frame.f_locals["connection"]
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def with_secret(secret: bytes) -> ProviderConnection:
    credentials = ProviderCredentials(encrypted_data=secret, credential_type="oauth2")
    return replace(active(a_user()), credentials=credentials)


def remains(folder: Path, destroyed: list[bytes]) -> list[str]:
    """Files that hold a run of 16 bytes of what was destroyed."""
    runs = {secret[at : at + 16] for secret in destroyed for at in range(len(secret) - 15)}
    found = []
    for file in folder.iterdir():
        content = file.read_bytes()
        if any(content[at : at + 16] in runs for at in range(len(content) - 15)):
            found.append(file.name)
    return found


async def disconnect(url: str, connections: list[ProviderConnection]) -> None:
    async with open_database(url) as database:
        for connection in connections:
            attempt = attempted(connection.user_id, connection.id)
            disconnected = connection.mark_disconnected(datetime.now(UTC))
            await database.store.commit([Write(events=(attempt,))])
            await database.store.commit(
                [Write(events=(succeeded(attempt),), connection=disconnected)]
            )


async def wear_out(url: str, seed: int, smallest: int, largest: int) -> list[bytes]:
    """Writes, rewrites and destroys credentials until pages have split; returns what is gone."""
    rng = random.Random(seed)  # noqa: S311 (the same sizes in every run)
    connections = {
        connection.id: connection
        for connection in (
            with_secret(rng.randbytes(rng.randint(smallest, largest))) for _ in range(200)
        )
    }
    async with open_database(url) as database:
        await database.store.insert(list(connections.values()))
        stored = TortoiseStoredCredentials(database.client, database.store)
        destroyed = []
        for _ in range(3):
            old = rng.sample(await stored.page(None, 200), 66)
            destroyed += [item.encrypted_data for item in old]
            new = [
                replace(item, encrypted_data=rng.randbytes(rng.randint(smallest, largest)))
                for item in old
            ]
            assert await stored.replace(new) == 66
        gone = rng.sample(await stored.page(None, 200), 100)
        destroyed += [item.encrypted_data for item in gone]
    await disconnect(
        url, [replace(connections[item.connection_id], version=item.version) for item in gone]
    )
    return destroyed


# Sizes and seeds that do leave fragments behind when nothing but `secure_delete` is at work.
@pytest.mark.parametrize(
    ("seed", "smallest", "largest"), [(1, 100, 900), (3, 100, 900), (4, 100, 900), (0, 500, 1800)]
)
async def test_nothing_is_left_of_destroyed_credentials(
    path: Path, seed: int, smallest: int, largest: int
) -> None:
    url = f"sqlite://{path}"
    with serving(url):
        destroyed = await wear_out(url, seed, smallest, largest)

    assert remains(path.parent, destroyed) == []
    with closing(connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_server_that_was_killed_leaves_it_to_the_next_clean_stop(path: Path) -> None:
    url = f"sqlite://{path}"
    with another_server(path) as other:
        destroyed = await wear_out(url, 4, 100, 900)
        other.kill()

    with serving(url):
        pass

    assert remains(path.parent, destroyed) == []


async def test_nothing_is_left_beside_a_reader_that_is_idle(path: Path) -> None:
    url = f"sqlite://{path}"
    with serving(url):
        follower = connect(path)  # as long as it is open, no other process removes the WAL
        destroyed = await wear_out(url, 2, 100, 900)
        follower.execute("SELECT * FROM provider_connections").fetchall()

    assert remains(path.parent, destroyed) == []
    follower.close()


def test_a_file_with_two_hard_links_is_refused(path: Path, tmp_path: Path) -> None:
    with serving(f"sqlite://{path}"):
        pass
    link = tmp_path / "hard-link.sqlite3"
    link.hardlink_to(path)
    for name in (path, link):
        with pytest.raises(OperatorError, match="2 names"), serving(f"sqlite://{name}"):
            pass
        with pytest.raises(OperatorError, match="2 names"):
            refuse_other_names(name)


def test_the_file_itself_is_locked(path: Path, tmp_path: Path) -> None:
    """A bind mount is a name that the file's link count does not show."""
    with another_server(path):
        link = tmp_path / "bind-mount.sqlite3"
        link.hardlink_to(path)
        path.unlink()  # the server keeps its file, which has one name again
        with (
            pytest.raises(InUse, match="in use by another server, under another name"),
            serving(f"sqlite://{link}"),
        ):
            pass
        with pytest.raises(InUse, match="in use by a server, under another name"):
            refuse_other_names(link)


def test_a_command_beside_a_server_finds_the_one_name(path: Path) -> None:
    with another_server(path):
        refuse_other_names(path)
    refuse_other_names(path)


def test_credentials_destroyed_during_a_purge_are_purged_by_the_next(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate_sqlite(path)

    class Interrupted(sqlite3.Connection):
        """Another process commits just after VACUUM."""

        def execute(self, sql: str) -> sqlite3.Cursor:  # type: ignore[override] # all that it needs
            done = super().execute(sql)
            if sql == "VACUUM":
                with closing(connect(path)) as other:
                    mark_destroyed(other)
            return done

    def connect_interrupted(path: Path) -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None, factory=Interrupted)

    with closing(connect(path)) as db:
        mark_destroyed(db)
    monkeypatch.setattr("infrastructure.database.sqlite.purge.connect", connect_interrupted)
    purge(path)
    assert is_marked(path)
    monkeypatch.undo()
    purge(path)
    assert not is_marked(path)


def test_a_purge_that_would_take_too_long_is_postponed(path: Path) -> None:
    migrate_sqlite(path)
    with closing(connect(path)) as db:
        db.execute("CREATE TABLE filler (data BLOB)")
        db.execute(
            "INSERT INTO filler WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n"
            " LIMIT 20000) SELECT zeroblob(500) FROM n"
        )
        mark_destroyed(db)
    with structlog.testing.capture_logs() as logs:
        purge(path, seconds=0)
    assert [entry["event"] for entry in logs] == ["purge_postponed"]
    assert logs[0]["finish_with"] == "unplug migrate"
    assert is_marked(path)
    purge(path, seconds=60)
    assert not is_marked(path)


def is_marked(path: Path) -> bool:
    with closing(connect(path)) as db:
        (mark,) = db.execute("PRAGMA user_version").fetchone()
    return bool(mark)
