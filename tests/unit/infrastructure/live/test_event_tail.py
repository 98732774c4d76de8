from collections.abc import Sequence

import pytest

from domain.events import RecordedEvent
from domain.identifiers import UserId
from infrastructure.live.event_tail import EventTail, Place, place_of
from tests.support.ids import a_user, an_event
from tests.support.logs import recorded

USER, OTHER = a_user(1), a_user(2)
START: Place = (0, None)


def events(last: int, user_id: UserId = USER) -> list[RecordedEvent]:
    return [recorded(user_id, position) for position in range(1, last + 1)]


LOG = events(9)


def place(position: int) -> Place:
    return place_of(LOG[position - 1]) if position else START


def positions(page: Sequence[RecordedEvent]) -> list[int]:
    return [event.position for event in page]


@pytest.mark.parametrize(
    ("added", "after", "expected"),
    [
        ([(1, 3)], 0, [1, 2, 3]),
        ([(1, 3)], 2, [3]),
        ([(1, 3)], 3, []),
        ([(1, 3)], 4, []),
        ([(5, 6)], 4, [5, 6]),
        ([(5, 6)], 3, []),
        ([(1, 2), (3, 4)], 1, [2, 3, 4]),
        ([(1, 3), (2, 5)], 0, [1, 2, 3, 4, 5]),
        ([(1, 3), (1, 3)], 0, [1, 2, 3]),
        ([(1, 3), (5, 6)], 4, [5, 6]),
        ([(1, 3), (5, 6)], 2, []),
        ([(5, 6), (3, 6)], 2, [3, 4, 5, 6]),
        ([(1, 5), (3, 2)], 0, [1, 2]),
        ([(1, 5), (9, 8)], 0, []),
    ],
)
def test_continues_a_place_only_without_a_gap(
    added: list[tuple[int, int]], after: int, expected: list[int]
) -> None:
    tail = EventTail()
    for first, last in added:
        tail.extend(USER, place(first - 1), LOG[first - 1 : last])
    assert positions(tail.after(USER, place(after), 100)) == expected
    assert len(tail) == max(len(tail.after(USER, place(n), 100)) for n in range(10))


def test_continues_no_other_history() -> None:
    tail = EventTail()
    tail.extend(USER, START, LOG[:3])
    assert tail.after(USER, (2, an_event()), 100) == ()
    assert tail.after(USER, (2, None), 100) == ()
    replaced = events(2)
    tail.extend(USER, START, replaced)
    assert tail.after(USER, START, 100) == replaced
    assert tail.after(USER, place(1), 100) == ()
    tail.extend(USER, place(3), LOG[3:5])
    assert tail.after(USER, place(3), 100) == LOG[3:5]
    assert tail.after(USER, START, 100) == ()
    assert len(tail) == 2


def test_gives_at_most_what_was_asked_for() -> None:
    tail = EventTail()
    tail.extend(USER, START, LOG)
    assert positions(tail.after(USER, place(2), 3)) == [3, 4, 5]


def test_a_user_keeps_the_newest_events() -> None:
    tail = EventTail(per_user=4)
    log = events(99)
    for position in range(1, 100):
        before = place_of(log[position - 2]) if position > 1 else START
        tail.extend(USER, before, log[position - 1 : position])
        assert len(tail) <= 8
    assert tail.after(USER, place_of(log[96]), 100) == log[97:]
    assert tail.after(USER, place_of(log[94]), 100) == log[95:]
    assert tail.after(USER, place_of(log[50]), 100) == ()


def test_a_node_forgets_the_user_whose_log_has_not_grown_for_longest() -> None:
    tail = EventTail(per_node=10)
    tail.extend(USER, START, LOG[:6])
    tail.extend(OTHER, START, events(4, OTHER))
    tail.extend(USER, place(6), LOG[6:7])
    assert tail.after(OTHER, START, 100) == ()
    assert tail.after(USER, START, 100) == LOG[:7]
    tail.forget(USER)
    assert len(tail) == 0
