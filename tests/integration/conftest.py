"""What integration tests share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infrastructure.migrate import migrate_sqlite
from infrastructure.sqlite_database import SqliteDatabase
from tests.integration.sqlite_node import Node


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    path = tmp_path / "unplug.sqlite3"
    migrate_sqlite(path)
    node = Node(path, await SqliteDatabase.open(path))
    yield node
    await node.aclose()
