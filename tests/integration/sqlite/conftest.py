"""What integration tests share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infrastructure.database.sqlite.database import SqliteDatabase
from infrastructure.database.sqlite.migrate import migrate_sqlite
from tests.integration.sqlite.node import Node


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    path = tmp_path / "unplug.sqlite3"
    migrate_sqlite(path)
    node = Node(path, await SqliteDatabase.open(path))
    async with node.writer:
        yield node
    await node.database.aclose()
