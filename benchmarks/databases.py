"""The databases that figures are measured on, each new and empty."""

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from benchmarks.figure import is_a_part
from benchmarks.unplug import Installation
from tests.support.servers.postgres import PostgresServer


class Database(Protocol):
    """Where an installation keeps its data."""

    name: str
    embedded: bool

    def installation(
        self, *, users: int, connections: int
    ) -> contextlib.AbstractContextManager[Installation]:
        """A new installation with its connections imported."""


class Sqlite:
    """A file, `synchronous=FULL`."""

    name = "SQLite"
    embedded = True

    @contextlib.contextmanager
    def installation(self, *, users: int, connections: int) -> Iterator[Installation]:
        """See `Database`."""
        with tempfile.TemporaryDirectory() as directory:
            unplug = Installation("sqlite://unplug.sqlite3", Path(directory), users, connections)
            unplug.prepare()
            yield unplug


class Postgres:
    """A server of its own on the same two cores, `fsync` and `synchronous_commit` on."""

    name = "PostgreSQL"
    embedded = False

    @contextlib.contextmanager
    def installation(self, *, users: int, connections: int) -> Iterator[Installation]:
        """See `Database`."""
        with tempfile.TemporaryDirectory() as directory:
            server = PostgresServer(durable=True)
            try:
                server.start()
                url = server.create_database("unplug")
                unplug = Installation(url, Path(directory), users, connections)
                unplug.prepare()
                yield unplug
            finally:
                server.remove()


def both() -> Sequence[Database]:
    """Those of figures that compare a run with another on the same database.

    A part of the work is measured on SQLite alone (see `amount`).
    """
    return (Sqlite(),) if is_a_part() else (Sqlite(), Postgres())
