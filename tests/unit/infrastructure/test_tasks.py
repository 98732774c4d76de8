import asyncio

import pytest

from infrastructure import tasks


async def test_a_task_that_mistakes_a_cancellation_for_a_failure_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "PATIENCE", 0.01)
    mistakes = 3

    async def stubborn() -> None:
        nonlocal mistakes
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                mistakes -= 1
                if not mistakes:
                    raise

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await asyncio.wait_for(tasks.end(task), 5)
    assert task.cancelled()


async def test_a_task_that_has_ended_is_left_alone() -> None:
    task = asyncio.create_task(asyncio.sleep(0, "done"))
    await task
    await tasks.end(task)
    await tasks.end(None)
    assert task.result() == "done"
