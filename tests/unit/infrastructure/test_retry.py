"""Sessions with servers that come and go, and the end of the tasks that keep them up."""

import asyncio
from itertools import islice

import pytest

from infrastructure import retry
from infrastructure.retry import back_off, end_task, keep_up


def test_pauses_double_up_to_the_longest_and_are_shortened_by_half_at_most() -> None:
    full = [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    runs = [list(islice(back_off(0.1, 1.0), len(full))) for _ in range(20)]
    for pauses in runs:
        for pause, longest in zip(pauses, full, strict=True):
            assert longest / 2 <= pause <= longest
    assert len({tuple(pauses) for pauses in runs}) > 1


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


async def test_a_task_that_mistakes_a_cancellation_for_a_failure_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retry, "CANCEL_AGAIN_AFTER", 0.01)
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
    await asyncio.wait_for(end_task(task), 5)
    assert task.cancelled()


async def test_a_task_that_has_ended_is_left_alone() -> None:
    task = asyncio.create_task(asyncio.sleep(0, "done"))
    await task
    await end_task(task)
    await end_task(None)
    assert task.result() == "done"
