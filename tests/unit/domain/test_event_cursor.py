"""The text of a place in one user's log."""

import base64
from dataclasses import replace

import pytest

from domain.events import MAX_POSITION, EventCursor
from tests.support.ids import a_user, an_event

FIRST = EventCursor(user_id=a_user(1), position=1, event_id=an_event(2))
START = EventCursor.start(a_user(1))


@pytest.mark.parametrize("cursor", [START, FIRST, replace(FIRST, position=MAX_POSITION)])
def test_a_cursor_is_read_as_it_was_written(cursor: EventCursor) -> None:
    assert EventCursor.decode(cursor.encode()) == cursor


@pytest.mark.parametrize(
    "cursor",
    [
        pytest.param(replace(FIRST, position=0), id="an event before the first one"),
        pytest.param(replace(FIRST, event_id=None), id="a position without its event"),
        pytest.param(replace(FIRST, position=MAX_POSITION + 1), id="above GraphQL's integers"),
    ],
)
def test_a_place_that_no_log_has_is_not_read(cursor: EventCursor) -> None:
    assert EventCursor.decode(cursor.encode()) is None


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("not base64!", id="not Base64"),
        pytest.param("é" * 55, id="not ASCII"),
        pytest.param(FIRST.encode()[:-4], id="too short"),
        pytest.param(FIRST.encode() + "AAAA", id="too long"),
        pytest.param(FIRST.encode() + "=", id="padded"),
        pytest.param(FIRST.encode()[:-1] + chr(ord(FIRST.encode()[-1]) + 1), id="unused bits set"),
        pytest.param(
            base64.urlsafe_b64encode(
                b"x" + base64.urlsafe_b64decode(FIRST.encode() + "=")[1:]
            ).decode(),
            id="another kind",
        ),
    ],
)
def test_any_other_text_is_not_read(text: str) -> None:
    assert EventCursor.decode(text) is None
