from collections.abc import Sequence

import pytest

from domain.events import RecordedEvent
from domain.identifiers import UserId
from infrastructure.live.event_tail import EventTail
from tests.support.ids import a_user
from tests.unit.infrastructure.observability.logs import recorded

USER = a_user(1)
OTHER = a_user(2)


def events(first: int, last: int, user_id: UserId = USER) -> list[RecordedEvent]:
    return [recorded(user_id, position) for position in range(first, last + 1)]


def positions(page: Sequence[RecordedEvent] | None) -> list[int] | None:
    return None if page is None else [event.position for event in page]


@pytest.mark.parametrize(
    ("added", "after", "expected"),
    [
        ([(1, 3)], 0, [1, 2, 3]),
        ([(1, 3)], 2, [3]),
        ([(1, 3)], 3, None),
        ([(5, 6)], 3, None),
        ([(1, 2), (3, 4)], 1, [2, 3, 4]),
        ([(1, 3), (2, 5)], 0, [1, 2, 3, 4, 5]),
        ([(1, 3), (1, 3)], 0, [1, 2, 3]),
        ([(1, 3), (5, 6)], 4, [5, 6]),
        ([(1, 3), (5, 6)], 2, None),
        ([(5, 6), (3, 4)], 2, [3, 4, 5, 6]),
        ([(5, 6), (3, 5)], 2, [3, 4, 5, 6]),
        ([(5, 6), (2, 3)], 1, None),
        ([(5, 6), (2, 3)], 4, [5, 6]),
    ],
)
def test_continues_a_position_only_without_a_gap(
    added: list[tuple[int, int]], after: int, expected: list[int] | None
) -> None:
    tail = EventTail()
    for first, last in added:
        tail.extend(USER, events(first, last))
    assert positions(tail.after(USER, after, 100)) == expected


def test_gives_at_most_what_was_asked_for() -> None:
    tail = EventTail()
    tail.extend(USER, events(1, 9))
    assert positions(tail.after(USER, 2, 3)) == [3, 4, 5]


def test_a_user_keeps_the_newest_events() -> None:
    tail = EventTail(per_user=4)
    for position in range(1, 100):
        tail.extend(USER, events(position, position))
        assert len(tail) <= 8
    assert positions(tail.after(USER, 97, 100)) == [98, 99]
    assert tail.after(USER, 50, 100) is None


def test_a_node_forgets_the_user_whose_log_has_not_grown_for_longest() -> None:
    tail = EventTail(per_node=10)
    tail.extend(USER, events(1, 6))
    tail.extend(OTHER, events(1, 4, OTHER))
    tail.extend(USER, events(7, 7))
    assert tail.after(OTHER, 0, 100) is None
    assert positions(tail.after(USER, 0, 100)) == [1, 2, 3, 4, 5, 6, 7]
    tail.forget(USER)
    assert len(tail) == 0
