"""Sessions with servers that come and go."""

import asyncio

import pytest

from infrastructure.retry import keep_up


@pytest.mark.parametrize("fault", [OSError(), RuntimeError(), None])
async def test_a_session_is_followed_by_another_however_it_ended(fault: Exception | None) -> None:
    sessions, ends, again = 0, list[str](), asyncio.Event()

    async def session() -> None:
        nonlocal sessions
        sessions += 1
        if sessions > 1:
            again.set()
            await asyncio.Event().wait()
        elif fault is not None:
            raise fault

    task = asyncio.create_task(keep_up(session, ends.append))
    await asyncio.wait_for(again.wait(), 5)
    task.cancel()
    assert isinstance(
        (await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError
    )
    assert ends == [type(fault).__name__ if fault else "Disconnected"]
