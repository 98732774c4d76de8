"""A response's head and body leave together, and nothing is held for longer than a moment."""

import asyncio
from typing import cast

from infrastructure.server.joined_writes import JoinedWrites


class Packets:
    """The transport below: what left it, in order."""

    def __init__(self) -> None:
        self.sent: list[bytes | None] = []

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def close(self) -> None:
        self.sent.append(None)

    def is_closing(self) -> bool:
        return None in self.sent


async def test_two_writes_are_one_packet() -> None:
    packets = Packets()
    transport = JoinedWrites(cast("asyncio.Transport", packets))
    transport.write(b"head")
    assert packets.sent == []
    transport.write(b"body")
    assert packets.sent == [b"headbody"]
    await asyncio.sleep(0)
    assert packets.sent == [b"headbody"]


async def test_a_single_write_leaves_in_the_next_round() -> None:
    packets = Packets()
    transport = JoinedWrites(cast("asyncio.Transport", packets))
    for number in range(3):
        transport.write(b"%d" % number)
        await asyncio.sleep(0)
    assert packets.sent == [b"0", b"1", b"2"]


async def test_what_is_held_leaves_before_the_end() -> None:
    packets = Packets()
    transport = JoinedWrites(cast("asyncio.Transport", packets))
    transport.write(b"last words")
    transport.close()
    await asyncio.sleep(0)
    assert packets.sent == [b"last words", None]
