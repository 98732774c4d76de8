"""Where `unplug events` begins, by its arguments."""

import pytest

from domain.events import EventCursor
from domain.identifiers import UserId
from infrastructure.commands.audit.show import starting_point
from infrastructure.persistence.all_events import AllEventsCursor
from tests.support.ids import a_user, an_event

ALICE, BOB = a_user(0xA), a_user(0xB)
IN_ONE = EventCursor(user_id=ALICE, position=3, event_id=an_event(7))
IN_ALL = AllEventsCursor(commit_order=9, event=IN_ONE)


@pytest.mark.parametrize(
    ("user_id", "after", "start"),
    [
        (None, None, None),
        (ALICE, None, EventCursor.start(ALICE)),
        (ALICE, IN_ONE, IN_ONE),
        (ALICE, EventCursor.start(ALICE), EventCursor.start(ALICE)),
        (None, IN_ALL, IN_ALL),
    ],
)
def test_it_begins_where_the_arguments_say(
    user_id: UserId | None,
    after: EventCursor | AllEventsCursor | None,
    start: EventCursor | AllEventsCursor | None,
) -> None:
    assert starting_point(user_id, None if after is None else after.encode()) == start


@pytest.mark.parametrize(
    ("user_id", "after", "said"),
    [
        (None, "rubbish", "this is not a cursor"),
        (ALICE, "rubbish", "this is not a cursor"),
        (None, IN_ONE.encode(), "one user's events: name the user"),
        (ALICE, IN_ALL.encode(), "all users' events: leave the user out"),
        (BOB, IN_ONE.encode(), "another user's cursor"),
    ],
)
def test_a_cursor_that_does_not_fit_is_said(user_id: UserId | None, after: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        starting_point(user_id, after)
