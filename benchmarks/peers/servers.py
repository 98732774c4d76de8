"""The peers, each with a database of its own."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.processes import Server, free_port, running
from tests.support.node import NODE, install
from tests.support.servers.postgres import PostgresServer

FOLDER = Path(__file__).parent


@contextlib.contextmanager
def on_sqlite(users: int, connections: int) -> Iterator[Server]:
    """graphql-yoga and `node:sqlite`, `synchronous = FULL`."""
    with tempfile.TemporaryDirectory() as directory:
        arguments = (f"{directory}/peer.sqlite3", str(connections), str(users))
        with _running("mutations.js", *arguments) as server:
            yield server


@contextlib.contextmanager
def on_postgres(users: int, connections: int) -> Iterator[Server]:
    """graphql-yoga and pg with its pool of ten, on a durable server."""
    database = PostgresServer(durable=True)
    try:
        database.start()
        url = database.create_database("peer")
        with _running("mutations.js", url, str(connections), str(users)) as server:
            yield server
    finally:
        database.remove()


@contextlib.contextmanager
def of_subscriptions() -> Iterator[Server]:
    """graphql-yoga, its PubSub, and graphql-ws."""
    with _running("subscriptions.js") as server:
        yield server


@contextlib.contextmanager
def _running(script: str, *arguments: str) -> Iterator[Server]:
    install(FOLDER)
    port = free_port()
    with running([str(NODE), script, str(port), *arguments], port, directory=FOLDER) as server:
        yield server
