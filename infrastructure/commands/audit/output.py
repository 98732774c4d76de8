"""Lines on standard output, for as long as its other end is open."""

import asyncio
import os
import select
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import BinaryIO

LOOK_AGAIN = 0.5
"""Seconds between two looks whether the pipe's other end is still open."""


async def write_lines(lines: AsyncGenerator[bytes, None], out: BinaryIO) -> None:
    """Each is written at once; ends when there are no more, or the pipe's reader is gone."""
    tasks = (
        asyncio.create_task(_write(lines, out)),
        asyncio.create_task(_reader_gone(out.fileno())),
    )
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    written, _ = await asyncio.gather(*tasks, return_exceptions=True)
    match written:
        case BrokenPipeError() | asyncio.CancelledError():
            # Without this, Python would try to write what is buffered at its exit, and complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
        case BaseException():
            raise written


async def _write(lines: AsyncGenerator[bytes, None], out: BinaryIO) -> None:
    async with aclosing(lines):
        async for line in lines:
            out.write(line)
            out.flush()


async def _reader_gone(descriptor: int) -> None:
    """Nothing is written while nothing happens, so a closed pipe has to be looked for."""
    poll = select.poll()
    poll.register(descriptor, 0)
    while True:
        if poll.poll(0):
            return
        await asyncio.sleep(LOOK_AGAIN)
