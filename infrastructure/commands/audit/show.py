"""What `unplug events` does."""

import sys

from domain.events import EventCursor
from domain.identifiers import UserId
from domain.ports import LogReplaced
from infrastructure.commands.audit.output import write_lines
from infrastructure.commands.audit.trail import of_all_users, of_user
from infrastructure.commands.database_setup import prepared
from infrastructure.failures import OperatorError
from infrastructure.persistence.all_events import AllEventsCursor, TortoiseAllEvents
from infrastructure.persistence.event_log import TortoiseEventLog
from infrastructure.settings import Settings


def starting_point(
    user_id: UserId | None, after: str | None
) -> EventCursor | AllEventsCursor | None:
    """Where to begin: in one user's log, or in all; None is before the first event of all users.

    Raises `ValueError` with a sentence about the cursor.
    """
    if after is None:
        return None if user_id is None else EventCursor.start(user_id)
    in_all, in_one = AllEventsCursor.decode(after), EventCursor.decode(after)
    if in_all is None and in_one is None:
        raise ValueError("this is not a cursor")
    if user_id is None and in_all is None:
        raise ValueError("this is a cursor of one user's events: name the user as well")
    if user_id is not None and in_one is None:
        raise ValueError("this is a cursor of all users' events: leave the user out")
    if in_one is not None and in_one.user_id != user_id:
        raise ValueError("this is another user's cursor")
    return in_all or in_one


async def print_events(
    settings: Settings, start: EventCursor | AllEventsCursor | None, *, follow: bool
) -> None:
    """The audit trail on standard output. Raises `OperatorError` or `StorageError`."""
    async with prepared(settings) as database:
        if isinstance(start, EventCursor):
            lines = of_user(TortoiseEventLog(database.client), start, follow=follow)
        else:
            lines = of_all_users(TortoiseAllEvents(database.client), start, follow=follow)
        try:
            await write_lines(lines, sys.stdout.buffer)
        except LogReplaced:
            raise OperatorError(
                "The event at the cursor is not in the log: the database was restored, or a crash "
                "lost commits. Lines that were printed from there on may not have happened."
            ) from None
