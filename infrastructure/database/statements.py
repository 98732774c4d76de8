"""SQL that is the same for both dialects, but for the few words named here."""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

Dialect: TypeAlias = Literal["sqlite", "postgres"]

_AFTER = re.compile(r"@after\(([^)]*)\)")
_SQLITE_TIME = "strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'{})"
_LOG_END = "(SELECT h.position FROM log_heads AS h WHERE h.user_id = webhook_deliveries.user_id)"
_WORDS = {
    "sqlite": {
        "@now": _SQLITE_TIME.format(""),
        "@skip_locked": "",
        "@is_due": "head > position AND NOT stopped",
        "@log_end": f"max(head, coalesce({_LOG_END}, 0))",
    },
    "postgres": {
        "@now": "clock_timestamp()",
        "@skip_locked": "FOR UPDATE SKIP LOCKED",
        "@is_due": "is_due",
        "@log_end": f"greatest(head, {_LOG_END[:-1]} FOR SHARE))",
    },
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement with parameters `$1`, `$2`, …; `postgres` replaces the text there.

    `@now` is the database's clock, `@after($1)` so many seconds later (a float), `@skip_locked`
    locks the rows of a SELECT and leaves those out that others have locked. `@is_due` tells the
    deliveries that are due, `@log_end` what `head` is to be when a delivery's position moves: a
    commit sets it only for users who are not due yet. `destroys` says that it takes secrets out of
    the database, of which nothing is to be left in a file.
    """

    text: str
    postgres: str | None = None
    destroys: bool = False

    def sql(self, dialect: Dialect) -> str:
        """For one dialect."""
        if dialect == "sqlite":
            text = _AFTER.sub(lambda it: _SQLITE_TIME.format(f", {it[1]} || ' seconds'"), self.text)
        else:
            text = self.postgres or self.text
            text = _AFTER.sub(r"(clock_timestamp() + make_interval(secs => \1))", text)
        for word, meaning in _WORDS[dialect].items():
            text = text.replace(word, meaning)
        return text
