"""A log that ends earlier than it did, and goes on with other events."""

import asyncio
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from tests.resilience.cluster import Cluster
from tests.support.servers.postgres import dump, restore

TRIES = 10
LOSES = 2.0
"""Seconds of commits that a crash loses, at most."""


class Backups:
    """The last backup of the cluster's database, if there is one."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._cluster = cluster
        self._file = folder / "backup"

    @property
    def there(self) -> bool:
        return self._file.exists()

    async def back_up(self) -> None:
        """With pg_dump or SQLite's backup API, while nodes work."""
        if self._cluster.postgres is None:
            await asyncio.to_thread(_copy, self._cluster.file, self._file)
        else:
            dumped = await asyncio.to_thread(dump, self._cluster.postgres.url("unplug"))
            await asyncio.to_thread(self._file.write_bytes, dumped)

    async def restore(self) -> None:
        """The same, in place of what is there, while nodes work."""
        if self._cluster.postgres is None:
            await asyncio.to_thread(_copy, self._file, self._cluster.file)
        else:
            dumped = await asyncio.to_thread(self._file.read_bytes)
            await asyncio.to_thread(_restore, self._cluster.postgres.url("unplug"), dumped)
            await self._cluster.slow_commits(0)  # they may have been slow at the time


async def lose_commits(cluster: Cluster, lasts: float) -> None:
    """A crash of a server that acknowledges commits before they are written."""
    assert cluster.postgres is not None
    await cluster.configure(synchronous_commit="off", wal_writer_delay="10s")
    await asyncio.sleep(min(lasts, LOSES))
    await asyncio.to_thread(cluster.postgres.stop, crash=True)
    await asyncio.to_thread(cluster.postgres.start)
    await cluster.configure(synchronous_commit=None, wal_writer_delay=None)


def _restore(url: str, dumped: bytes) -> None:
    """Again when it is the victim of a deadlock with nodes that use the tables."""
    for _ in range(TRIES):
        try:
            return restore(url, dumped)
        except subprocess.CalledProcessError as error:
            failed = error
            if b"deadlock" not in error.stderr:
                break
    raise RuntimeError(failed.stderr.decode())


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as written:
        read.backup(written)
