"""What tests of the feed share."""

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest

from tests.unit.infrastructure.live.feed_node import Node


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    node, faults = Node(), []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    async with node.reader:
        yield node
    gc.collect()  # a task whose exception was not looked at tells so when it goes
    assert faults == []
