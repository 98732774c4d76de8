"""The writer, on a store in memory that waits and breaks where a test says so."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from domain.events import ProviderEvent, RecordedEvent
from domain.identifiers import ConnectionId
from domain.ports import AttemptClosed, StorageError
from infrastructure.database.store import (
    Member,
    MemberRefused,
    Outcome,
    OutcomeUnknown,
    Write,
    of_members,
)
from infrastructure.persistence.writer import MAX_BATCH, Writer
from tests.contracts.world import attempted
from tests.support.ids import a_connection, a_user

USER = a_user(1)
GOOD, BAD, CLOSED = a_connection(2), a_connection(666), a_connection(667)


class InMemoryStore:
    """Logs in memory. Events of the connection `BAD` break their batch, of `CLOSED` are late."""

    def __init__(self) -> None:
        self.batches: list[list[ProviderEvent]] = []
        self.log: list[RecordedEvent] = []
        self.faults: list[Exception] = []
        self.lost_answers = 0
        self.reads_that_fail = 0
        self.may_commit = asyncio.Event()
        self.may_commit.set()
        self.committing = asyncio.Event()

    async def commit(self, members: Sequence[Member]) -> Sequence[Outcome]:
        events = [event for member in members for event in events_of(member)]
        self.batches.append(events)
        self.committing.set()
        await self.may_commit.wait()
        if self.faults:
            raise self.faults.pop(0)
        if any(event.connection_id == BAD for event in events):
            raise MemberRefused
        outcomes = [self._record(event) for event in events]
        if self.lost_answers:
            self.lost_answers -= 1
            raise OutcomeUnknown
        return outcomes

    def _record(self, event: ProviderEvent) -> Outcome:
        if event.connection_id == CLOSED:
            return AttemptClosed()
        recorded = RecordedEvent(event=event, position=len(self.log) + 1)
        self.log.append(recorded)
        return [recorded]

    async def read_back(
        self, members: Sequence[Member]
    ) -> Sequence[Sequence[RecordedEvent] | None]:
        if self.reads_that_fail:
            self.reads_that_fail -= 1
            raise StorageError
        return of_members(members, self.log, [])


def events_of(member: Member) -> Sequence[ProviderEvent]:
    assert isinstance(member, Write)
    return member.events


class Case:
    """A writer on a store, and what it announced."""

    def __init__(self, max_queued: int = 100) -> None:
        self.store = InMemoryStore()
        self.announced: list[RecordedEvent] = []
        self.writer = Writer(self.store, self.announced.extend, max_queued=max_queued)
        self.writer.start()

    def write(self, event: ProviderEvent) -> asyncio.Task[RecordedEvent]:
        return asyncio.create_task(record(self.writer, event))

    async def write_behind_a_commit(
        self, *events: ProviderEvent
    ) -> list[asyncio.Task[RecordedEvent]]:
        """While another event's commit is held up, so that these become one batch."""
        self.store.may_commit.clear()
        self.write(event())
        await self.store.committing.wait()
        tasks = [self.write(item) for item in events]
        await asyncio.sleep(0)  # each has put its write into the queue
        return tasks


async def record(writer: Writer, event: ProviderEvent) -> RecordedEvent:
    (recorded,) = await writer.write(Write(events=(event,)))
    return recorded


def event(connection_id: ConnectionId = GOOD) -> ProviderEvent:
    return attempted(USER, connection_id)


async def settled(tasks: Sequence[asyncio.Task[RecordedEvent]]) -> list[object]:
    async with asyncio.timeout(5):
        return list(await asyncio.gather(*tasks, return_exceptions=True))


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    case = Case(max_queued=3)
    yield case
    case.store.may_commit.set()
    await case.writer.aclose()


async def test_what_queues_up_during_a_commit_is_one_transaction(case: Case) -> None:
    tasks = await case.write_behind_a_commit(*(event() for _ in range(3)))
    case.store.may_commit.set()

    assert await settled(tasks) == case.store.log[1:]
    assert [len(batch) for batch in case.store.batches] == [1, 3]


async def test_a_transaction_has_a_bounded_number_of_writes() -> None:
    case = Case(max_queued=2 * MAX_BATCH)
    tasks = await case.write_behind_a_commit(*(event() for _ in range(MAX_BATCH + 1)))
    case.store.may_commit.set()
    await settled(tasks)
    await case.writer.aclose()

    assert [len(batch) for batch in case.store.batches] == [1, MAX_BATCH, 1]


async def test_before_its_start_nothing_is_taken() -> None:
    with pytest.raises(StorageError):
        await record(Writer(InMemoryStore(), list[RecordedEvent]().extend), event())


async def test_commits_are_announced_before_callers_are_answered() -> None:
    store, heard = InMemoryStore(), list[str]()
    writer = Writer(store, lambda recorded: heard.append(f"{len(recorded)} committed"))
    writer.start()

    async def caller() -> None:
        await record(writer, event())
        heard.append("answered")

    await asyncio.gather(caller(), caller())

    assert heard == ["2 committed", "answered", "answered"]
    await writer.aclose()


async def test_fault_in_an_announcement_costs_no_answer() -> None:
    def fault(_: Sequence[RecordedEvent]) -> None:
        raise RuntimeError

    writer = Writer(InMemoryStore(), fault)
    writer.start()

    assert [(await record(writer, event())).position for _ in range(2)] == [1, 2]
    await writer.aclose()


async def test_fault_in_the_store_fails_its_batch_alone(case: Case) -> None:
    case.store.faults = [RuntimeError()]

    assert [type(result) for result in await settled([case.write(event())])] == [RuntimeError]
    assert await settled([case.write(event())]) == case.store.log


async def test_write_whose_caller_is_gone_is_dropped(case: Case) -> None:
    gone, stays = await case.write_behind_a_commit(event(), event())
    gone.cancel()
    await asyncio.sleep(0)
    case.store.may_commit.set()

    assert await settled([stays]) == case.store.log[1:]


async def test_write_that_has_begun_is_finished_and_announced(case: Case) -> None:
    case.store.may_commit.clear()
    task = case.write(event())
    await case.store.committing.wait()
    task.cancel()
    assert isinstance((await settled([task]))[0], asyncio.CancelledError)
    case.store.may_commit.set()

    await settled([case.write(event())])
    assert len(case.store.log) == 2
    assert case.announced == case.store.log


async def test_bad_member_fails_alone(case: Case) -> None:
    tasks = await case.write_behind_a_commit(event(), event(BAD), event())
    case.store.may_commit.set()

    first, bad, last = await settled(tasks)

    assert [first, last] == case.store.log[1:]
    assert isinstance(bad, StorageError)


async def test_outcomes_go_to_their_own_callers(case: Case) -> None:
    tasks = await case.write_behind_a_commit(event(), event(CLOSED), event())
    case.store.may_commit.set()

    first, closed, last = await settled(tasks)

    assert [first, last] == case.store.log[1:]
    assert isinstance(closed, AttemptClosed)
    assert len(case.store.batches) == 2


async def test_database_that_refuses_a_batch_fails_all_its_members(case: Case) -> None:
    tasks = await case.write_behind_a_commit(event(), event())
    case.store.faults = [StorageError(), StorageError()]
    case.store.may_commit.set()

    assert [type(result) for result in await settled(tasks)] == [StorageError] * 2
    assert await settled([case.write(event())]) == case.store.log


async def test_commit_that_landed_though_its_answer_was_lost_is_a_success(case: Case) -> None:
    case.store.lost_answers = 1
    case.store.reads_that_fail = 1

    result = await settled([case.write(event())])

    assert result == case.store.log == case.announced
    assert len(case.store.batches) == 1


async def test_commit_that_was_lost_is_tried_again(case: Case) -> None:
    case.store.faults = [OutcomeUnknown(), OutcomeUnknown()]

    result = await settled([case.write(event())])

    assert result == case.store.log == case.announced
    assert len(case.store.batches) == 3


async def test_commit_that_was_lost_is_not_tried_again_when_nobody_waits(case: Case) -> None:
    case.store.faults = [OutcomeUnknown()]
    case.store.may_commit.clear()
    task = case.write(event())
    await case.store.committing.wait()
    task.cancel()
    await settled([task])
    case.store.may_commit.set()

    assert await settled([case.write(event())]) == case.store.log
    assert len(case.store.log) == 1


async def test_queue_is_bounded(case: Case) -> None:
    tasks = await case.write_behind_a_commit(*(event() for _ in range(4)))
    case.store.may_commit.set()

    results = await settled(tasks)

    assert isinstance(results[3], StorageError)
    assert results[:3] == case.store.log[1:]


async def test_close_finishes_what_was_taken_and_takes_no_more(case: Case) -> None:
    tasks = await case.write_behind_a_commit(event(), event())
    closing = asyncio.create_task(case.writer.aclose())
    await asyncio.sleep(0)
    late = case.write(event())
    case.store.may_commit.set()
    await closing

    assert await settled(tasks) == case.store.log[1:]
    assert isinstance((await settled([late]))[0], StorageError)


async def test_close_does_not_wait_for_a_database_that_is_gone(case: Case) -> None:
    case.store.faults = [OutcomeUnknown()] * 1_000
    case.store.reads_that_fail = 1_000
    task = case.write(event())
    await case.store.committing.wait()

    await asyncio.wait_for(case.writer.aclose(), 5)

    assert isinstance((await settled([task]))[0], asyncio.CancelledError)
