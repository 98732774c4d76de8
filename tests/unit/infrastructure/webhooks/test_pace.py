"""Deliveries wait for their turn beside commands, and only there."""

import asyncio
import time

from infrastructure.webhooks.pace import PATIENCE, Pace


async def test_without_commands_there_is_no_wait() -> None:
    pace = Pace(lambda: False)
    began = time.perf_counter()
    for _ in range(1_000):
        await pace.turn()
    assert time.perf_counter() - began < 1


async def test_a_busy_event_loop_makes_turns_rare_and_no_turn_waits_for_long() -> None:
    pace, ends = Pace(lambda: True), time.perf_counter() + 1.5
    turns, longest = 0, 0.0

    async def deliver() -> None:
        nonlocal turns, longest
        while (began := time.perf_counter()) < ends:
            await pace.turn()
            turns += 1
            longest = max(longest, time.perf_counter() - began)

    async def commands() -> None:
        while time.perf_counter() < ends:
            time.sleep(0.01)  # noqa: ASYNC251 (that is what a command does to the loop)
            await asyncio.sleep(0)

    await asyncio.gather(commands(), *(deliver() for _ in range(8)))
    assert turns < 100
    assert longest < PATIENCE + 0.5
