"""Commands in tasks of their own, and what a stop makes of them."""

import asyncio

from infrastructure.command_runner import CommandRunner


async def test_a_stop_waits_for_a_command_that_begins_meanwhile() -> None:
    """Its request had been read before the connection took no more."""
    runner = CommandRunner(lambda _outcome, _seconds: None)
    ends = [asyncio.Event(), asyncio.Event()]

    async def handle(end: asyncio.Event) -> str:
        await end.wait()
        return "finished"

    running = [asyncio.create_task(runner.run(handle, ends[0], lambda: "cut off"))]
    await asyncio.sleep(0)
    draining = asyncio.create_task(runner.drain(60))
    await asyncio.sleep(0)
    running.append(asyncio.create_task(runner.run(handle, ends[1], lambda: "cut off")))
    await asyncio.sleep(0)
    ends[0].set()
    assert await running[0] == "finished"
    for _ in range(5):
        await asyncio.sleep(0)
    assert not draining.done()
    ends[1].set()
    assert await running[1] == "finished"
    await draining
