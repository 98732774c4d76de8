"""What version 1 wrote, for tests of what later migrations make of it.

`sqlite.sql` and `postgres.sql` are dumps of databases on which that version imported four
connections and ran three commands, with `KEY`; on PostgreSQL it was killed during a fourth.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

ALICE, BOB = UUID(int=0xA), UUID(int=0xB)
COLUMNS = ("id", "user_id", "position", "kind", "occurred_at", "connection_id", "attempt_id")
KEY = "dGhlIGtleSB0aGF0IHZlcnNpb24gMSBoYXMgdXNlZCE="
DUMPS = Path(__file__).parent
CURSORS = {
    "sqlite": "ZQAAAAAAAAAAAAAAAAAAAAoAAAAAAAAABAGiE2Mqe3PFqulQ1pn0WNM",
    "postgres": "ZQAAAAAAAAAAAAAAAAAAAAoAAAAAAAAABAGiE2M8_XLVv8kc_3xo6WE",
}
"""Of Alice's fourth event, as that version's clients keep them."""
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def rows() -> Sequence[tuple[UUID, UUID, int, str, datetime, UUID, UUID]]:
    """Two users' attempts and outcomes; Alice's third event was made before her second.

    Ids count seconds: by time they are 1, 2, 3 (committed behind 5), 4, 5, 6.
    """
    log = [
        (1, ALICE, 1, "attempted", 1),
        (2, BOB, 1, "attempted", 2),
        (5, ALICE, 2, "attempted", 5),
        (3, ALICE, 3, "succeeded", 1),
        (4, BOB, 2, "succeeded", 2),
        (6, BOB, 3, "attempted", 6),
    ]
    return [
        (
            UUID(int=second),
            user_id,
            position,
            kind,
            NOON + timedelta(seconds=second),
            UUID(int=0xC),
            UUID(int=attempt),
        )
        for second, user_id, position, kind, attempt in log
    ]


IN_ORDER = [1, 2, 4, 5, 3, 6]
"""By time, as far as the order within each user's log allows it."""
