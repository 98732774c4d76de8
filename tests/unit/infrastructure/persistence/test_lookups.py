import asyncio
from collections.abc import Sequence

import pytest

from infrastructure.persistence.lookups import SharedQuery
from tests.support.woken import eventually


class Database:
    """Answers each number with its double, when it is allowed to."""

    def __init__(self) -> None:
        self.asked: list[Sequence[int]] = []
        self.free = asyncio.Event()

    async def query(self, numbers: Sequence[int]) -> Sequence[int]:
        self.asked.append(list(numbers))
        await self.free.wait()
        return [2 * number for number in numbers]


@pytest.fixture
def database() -> Database:
    return Database()


async def test_those_who_ask_meanwhile_share_the_next_query(database: Database) -> None:
    shared = SharedQuery(database.query)
    tasks = [asyncio.create_task(shared.ask(1))]
    await eventually(lambda: bool(database.asked))
    tasks += [asyncio.create_task(shared.ask(number)) for number in range(2, 6)]
    await asyncio.sleep(0)
    database.free.set()

    assert await asyncio.gather(*tasks) == [2, 4, 6, 8, 10]
    assert list(database.asked) == [[1], [2, 3, 4, 5]]


async def test_one_who_goes_takes_the_answer_from_no_other(database: Database) -> None:
    shared = SharedQuery(database.query)
    gone, stays = asyncio.create_task(shared.ask(1)), asyncio.create_task(shared.ask(2))
    await asyncio.sleep(0)
    gone.cancel()
    database.free.set()

    assert await stays == 4


async def test_a_query_that_hangs_does_not_hold_up_the_next_for_long(database: Database) -> None:
    shared = SharedQuery(database.query)
    hangs = asyncio.create_task(shared.ask(1))
    await eventually(lambda: bool(database.asked))
    follows = asyncio.create_task(shared.ask(2))
    await eventually(lambda: len(database.asked) == 2)

    assert not hangs.done()
    database.free.set()
    assert (await hangs, await follows) == (2, 4)


async def test_all_who_share_a_query_get_its_error() -> None:
    async def fails(_: Sequence[int]) -> Sequence[int]:
        raise LookupError

    shared = SharedQuery(fails)
    answers = await asyncio.gather(shared.ask(1), shared.ask(2), return_exceptions=True)
    assert [type(answer) for answer in answers] == [LookupError, LookupError]
