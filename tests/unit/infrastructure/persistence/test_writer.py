"""The writer, on a store in memory that waits and breaks where a test says so."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import replace
from uuid import UUID

import pytest

from domain.events import ProviderEvent, RecordedEvent
from domain.identifiers import ConnectionId
from domain.ports import AttemptClosed, StorageError
from infrastructure.database.members import Member, Write
from infrastructure.database.read_back import of_members
from infrastructure.database.store import (
    MemberRefused,
    MembersBlocked,
    Outcome,
    OutcomeUnknown,
    ReadBack,
    StillInDoubt,
)
from infrastructure.persistence.writer import MAX_BATCH, Writer
from tests.contracts.worlds.world import attempted, failed
from tests.support.ids import a_connection, a_user
from tests.support.woken import eventually

USER = a_user(1)
GOOD, BAD, CLOSED = a_connection(2), a_connection(666), a_connection(667)


class FirstTryArrives(OutcomeUnknown):
    """The next one collides with it."""


class InMemoryStore:
    """Logs in memory. Events of the connection `BAD` break their batch, of `CLOSED` are late."""

    def __init__(self) -> None:
        self.batches: list[list[ProviderEvent]] = []
        self.log: list[RecordedEvent] = []
        self.faults: list[Exception] = []
        self.lost_answers = 0
        self.loses_log = False
        self.seen: list[RecordedEvent] = []
        self.reads_that_fail = 0
        self.looks_that_fail = 0
        self.looks = 0
        self.fault_at_a_look: Exception | None = None
        self.locked: set[UUID] = set()
        self.may_commit = asyncio.Event()
        self.may_commit.set()
        self.committing = asyncio.Event()

    async def commit(self, members: Sequence[Member]) -> Sequence[Outcome]:
        events = [event for member in members for event in events_of(member)]
        self.batches.append(events)
        self.committing.set()
        await self.may_commit.wait()
        if self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, FirstTryArrives):
                self._record(self.batches[0][0])
            raise fault
        if any(member.rows & self.locked for member in members):
            raise MembersBlocked
        if any(event.connection_id == BAD for event in events):
            raise MemberRefused
        outcomes = [self._record(*events_of(member)) for member in members]
        if self.lost_answers:
            self.lost_answers -= 1
            self.seen += self.log
            if self.loses_log:
                self.log.clear()
            raise OutcomeUnknown
        return outcomes

    def _record(self, *events: ProviderEvent) -> Outcome:
        if any(event.connection_id == CLOSED for event in events):
            return AttemptClosed()
        first = len(self.log) + 1
        recorded = [RecordedEvent(event=event, position=n) for n, event in enumerate(events, first)]
        self.log += recorded
        return recorded

    @property
    def lock_timeout(self) -> float:
        return 0.3

    async def locked_rows(self, members: Sequence[Member]) -> Collection[UUID]:
        self.looks += 1
        if self.fault_at_a_look is not None:
            raise self.fault_at_a_look
        if self.looks_that_fail:
            self.looks_that_fail -= 1
            raise StorageError
        return {row for member in members for row in member.rows} & self.locked

    async def read_back(self, members: Sequence[Member]) -> Sequence[ReadBack]:
        if self.reads_that_fail:
            self.reads_that_fail -= 1
            raise StorageError
        found = of_members(members, self.log, [])
        return [
            StillInDoubt() if member.rows & self.locked else events
            for member, events in zip(members, found, strict=True)
        ]


def events_of(member: Member) -> Sequence[ProviderEvent]:
    assert isinstance(member, Write)
    return member.events


class Case:
    """A writer on a store, and what it announced."""

    def __init__(self, max_queued: int = 100) -> None:
        self.store = InMemoryStore()
        self.announced: list[RecordedEvent] = []
        self.writer = Writer(self.store, self.announced.extend, max_queued=max_queued)

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
    async with case.writer:
        yield case
        case.store.may_commit.set()


async def test_what_queues_up_during_a_commit_is_one_transaction(case: Case) -> None:
    tasks = await case.write_behind_a_commit(*(event() for _ in range(3)))
    case.store.may_commit.set()

    assert await settled(tasks) == case.store.log[1:]
    assert [len(batch) for batch in case.store.batches] == [1, 3]


async def test_a_transaction_has_a_bounded_number_of_writes() -> None:
    case = Case(max_queued=2 * MAX_BATCH)
    async with case.writer:
        tasks = await case.write_behind_a_commit(*(event() for _ in range(MAX_BATCH + 1)))
        case.store.may_commit.set()
        await settled(tasks)

    assert [len(batch) for batch in case.store.batches] == [1, MAX_BATCH, 1]


async def test_callers_that_write_again_at_once_join_the_next_transaction(case: Case) -> None:
    async def twice() -> None:
        await record(case.writer, event())
        await record(case.writer, event())

    case.store.may_commit.clear()
    first = asyncio.create_task(twice())
    await case.store.committing.wait()
    other = case.write(event())
    await asyncio.sleep(0)
    case.store.may_commit.set()
    await asyncio.gather(first, other)

    assert [len(batch) for batch in case.store.batches] == [1, 2]


async def test_before_its_start_nothing_is_taken() -> None:
    with pytest.raises(StorageError):
        await record(Writer(InMemoryStore(), list[RecordedEvent]().extend), event())


async def test_commits_are_announced_before_callers_are_answered() -> None:
    store, heard = InMemoryStore(), list[str]()
    writer = Writer(store, lambda recorded: heard.append(f"{len(recorded)} committed"))

    async def caller() -> None:
        await record(writer, event())
        heard.append("answered")

    async with writer:
        await asyncio.gather(caller(), caller())

    assert heard == ["2 committed", "answered", "answered"]


async def test_fault_in_an_announcement_costs_no_answer() -> None:
    def fault(_: Sequence[RecordedEvent]) -> None:
        raise RuntimeError

    async with Writer(InMemoryStore(), fault) as writer:
        assert [(await record(writer, event())).position for _ in range(2)] == [1, 2]


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


async def test_what_was_lost_after_it_was_seen_never_comes_again_in_its_place(case: Case) -> None:
    """Followers tell histories apart by position and id."""
    case.store.lost_answers, case.store.loses_log = 2, True

    (recorded,) = await settled([case.write(event())])

    (first, second), (third,) = case.store.seen, case.store.log
    assert [each.position for each in (first, second, third)] == [1, 1, 1]
    assert len({each.event.id for each in (first, second, third)}) == 3
    assert recorded == third


async def test_a_try_that_arrives_late_is_a_success(case: Case) -> None:
    case.store.faults = [OutcomeUnknown(), FirstTryArrives()]
    first = event()

    result = await settled([case.write(first)])

    assert result == case.store.log == case.announced == [RecordedEvent(event=first, position=1)]
    assert len(case.store.batches) == 2


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


async def test_a_probe_goes_the_way_of_a_write(case: Case) -> None:
    await case.writer.probe()
    assert case.store.batches == [[]]
    case.store.faults = [StorageError()]
    with pytest.raises(StorageError):
        await case.writer.probe()


async def test_close_finishes_what_was_taken_and_takes_no_more(case: Case) -> None:
    tasks = await case.write_behind_a_commit(event(), event())
    closing = asyncio.create_task(case.writer.__aexit__())
    await asyncio.sleep(0)
    late = case.write(event())
    case.store.may_commit.set()
    await closing

    assert len(case.store.log) == 3
    assert await settled(tasks) == case.store.log[1:]
    assert isinstance((await settled([late]))[0], StorageError)


async def test_close_does_not_wait_for_a_database_that_is_gone(case: Case) -> None:
    case.store.faults = [OutcomeUnknown()] * 1_000
    case.store.reads_that_fail = 1_000
    task = case.write(event())
    await case.store.committing.wait()

    await asyncio.wait_for(case.writer.__aexit__(), 5)

    assert isinstance((await settled([task]))[0], asyncio.CancelledError)


LOCKED = a_user(9)


async def test_blocked_members_go_aside_and_the_others_go_on(case: Case) -> None:
    case.store.locked = {LOCKED}
    held = attempted(LOCKED, GOOD)
    tasks = await case.write_behind_a_commit(event(), held, event())
    case.store.may_commit.set()

    first, last = await settled([tasks[0], tasks[2]])
    later = await settled([case.write(event())])

    assert [first, last, *later] == case.store.log[1:]
    assert not tasks[1].done()
    case.store.locked = set()
    assert await settled([tasks[1]]) == case.store.log[-1:]


async def test_what_is_known_to_be_blocked_joins_no_batch(case: Case) -> None:
    case.store.locked = {LOCKED}
    held = case.write(attempted(LOCKED, GOOD))
    await settled([case.write(event())])
    batches = len(case.store.batches)

    more = case.write(attempted(LOCKED, GOOD))
    await settled([case.write(event())])

    assert not any(e.user_id == LOCKED for batch in case.store.batches[batches:] for e in batch)
    case.store.locked = set()
    assert await settled([held, more]) == case.store.log[-2:]


async def test_blocked_members_fail_after_the_lock_timeout(case: Case) -> None:
    case.store.locked = {LOCKED}

    results = await settled([case.write(attempted(LOCKED, GOOD)), case.write(event())])

    assert isinstance(results[0], StorageError)
    assert [results[1]] == case.store.log


async def test_blocked_member_whose_caller_is_gone_is_dropped(case: Case) -> None:
    case.store.locked = {LOCKED}
    gone = case.write(attempted(LOCKED, GOOD))
    await settled([case.write(event())])
    gone.cancel()
    case.store.locked = set()

    stays = case.write(attempted(LOCKED, GOOD))

    assert await settled([stays]) == case.store.log[1:]


async def test_what_follows_a_blocked_member_waits_with_it(case: Case) -> None:
    case.store.locked = {LOCKED}
    attempt = attempted(LOCKED, GOOD)
    begun = case.write(attempt)
    await settled([case.write(event())])
    ended = case.write(replace(failed(attempt), user_id=USER))
    await settled([case.write(event())])
    assert not ended.done()
    case.store.locked = set()

    results = await settled([begun, ended])

    assert results == case.store.log[-2:]


async def test_look_at_locked_rows_that_fails_fails_the_batch(case: Case) -> None:
    case.store.locked = {LOCKED}
    case.store.looks_that_fail = 1

    results = await settled([case.write(attempted(LOCKED, GOOD))])

    assert isinstance(results[0], StorageError)


async def test_look_that_fails_later_is_repeated(case: Case) -> None:
    case.store.locked = {LOCKED}
    held = case.write(attempted(LOCKED, GOOD))
    await settled([case.write(event())])
    case.store.looks_that_fail = 1
    case.store.locked = set()

    assert await settled([held]) == case.store.log[1:]


async def test_batch_that_waited_for_no_row_is_tried_one_by_one(case: Case) -> None:
    case.store.faults = [MembersBlocked(), MembersBlocked()]  # together, then the first of them

    results = await settled([case.write(attempted(a_user(n), GOOD)) for n in (7, 8)])

    assert results == [case.store.log[-1], case.store.log[-2]]


async def test_member_in_doubt_holds_up_what_follows_it_and_nothing_else(case: Case) -> None:
    case.store.locked = {LOCKED}
    case.store.faults = [OutcomeUnknown()]
    attempt = attempted(LOCKED, GOOD)
    doubted = case.write(attempt)
    await settled([case.write(event())])
    ended = case.write(failed(attempt))
    await settled([case.write(event())])
    doubted.cancel()  # it stays in doubt although its caller is gone
    await settled([case.write(event())])
    assert not ended.done()
    case.store.log.append(RecordedEvent(event=attempt, position=9))
    case.store.locked = set()

    (last,) = await settled([ended])

    assert last == case.store.log[-1]
    assert RecordedEvent(event=attempt, position=9) in case.announced


async def test_read_back_of_a_member_in_doubt_is_repeated(case: Case) -> None:
    case.store.locked = {LOCKED}
    case.store.faults = [OutcomeUnknown()]
    doubted = case.write(attempted(LOCKED, GOOD))
    await settled([case.write(event())])
    case.store.reads_that_fail = 1
    case.store.locked = set()

    assert await settled([doubted]) == case.store.log[-1:]


async def test_a_fault_at_a_later_look_reaches_those_that_were_set_aside(case: Case) -> None:
    case.store.locked = {LOCKED}
    task = case.write(attempted(LOCKED, GOOD))
    await eventually(lambda: case.store.looks > 0)
    case.store.fault_at_a_look = RuntimeError()
    assert await settled([task]) == [case.store.fault_at_a_look]


async def test_a_blocked_member_is_not_tried_again_while_its_row_is_locked(case: Case) -> None:
    case.store.locked = {LOCKED}
    held = case.write(attempted(LOCKED, GOOD))
    await eventually(lambda: case.store.looks > 1)
    await settled([case.write(event())])
    tries = [each for batch in case.store.batches for each in batch if each.user_id == LOCKED]
    assert len(tries) == 1
    case.store.locked = set()
    assert await settled([held]) == case.store.log[1:]


async def test_close_waits_for_no_locks(case: Case) -> None:
    case.store.locked = {LOCKED}
    case.store.faults = [OutcomeUnknown()]
    doubted = case.write(attempted(LOCKED, GOOD))
    await settled([case.write(event())])
    blocked = case.write(attempted(LOCKED, GOOD))
    await settled([case.write(event())])

    await asyncio.wait_for(case.writer.__aexit__(), 5)

    first, second = await settled([doubted, blocked])
    assert isinstance(first, asyncio.CancelledError)
    assert isinstance(second, StorageError)
