"""The migrations of a database's schema: our own SQL, applied in one transaction, behind a lock.

Tortoise's executor has neither a lock nor CHECKs, and rebuilds tables on SQLite, which loses
triggers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from tortoise import BaseDBAsyncClient

from infrastructure.database.driver_errors import reading

_VERSION = "SELECT max(version) AS version FROM schema_version"


@dataclass(frozen=True, slots=True)
class Migration:
    """`0001_initial.sql` is version 1. Migrations only ever add to a list that has no gaps."""

    version: int
    name: str
    sql: str


def migrations(dialect: str) -> Sequence[Migration]:
    """All of `sqlite` or `postgres`, in order."""
    folder = files("infrastructure.database") / dialect / "migrations"
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".sql"))
    return [
        Migration(int(name[:4]), name.removesuffix(".sql"), (folder / name).read_text("utf-8"))
        for name in names
    ]


def latest(dialect: str) -> int:
    """The version that this code needs. A database that is newer is fine: nodes are updated one
    by one, and a migration keeps the version before it working."""
    return migrations(dialect)[-1].version


async def is_current(client: BaseDBAsyncClient, dialect: str, table: str) -> bool:
    """Whether the schema is as new as the code, or newer. `table` looks for a table by its name.

    Raises `StorageError`.
    """
    with reading():
        if not await client.execute_query_dict(table, ["schema_version"]):
            return False
        found = await client.execute_query_dict(_VERSION)
    return (found[0]["version"] or 0) >= latest(dialect)
