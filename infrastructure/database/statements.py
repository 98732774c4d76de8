"""SQL that is the same for both dialects, but for the few words named here."""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

Dialect: TypeAlias = Literal["sqlite", "postgres"]

_AFTER = re.compile(r"@after\(([^)]*)\)")
_SQLITE_TIME = "strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'{})"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement with parameters `$1`, `$2`, …; `postgres` replaces the text there.

    `@now` is the database's clock, `@after($1)` so many seconds later (a float), `@skip_locked`
    locks the rows of a SELECT and leaves those out that others have locked. `destroys` says that it
    takes secrets out of the database, of which nothing is to be left in a file.
    """

    text: str
    postgres: str | None = None
    destroys: bool = False

    def sql(self, dialect: Dialect) -> str:
        """For one dialect."""
        if dialect == "sqlite":
            text = _AFTER.sub(lambda it: _SQLITE_TIME.format(f", {it[1]} || ' seconds'"), self.text)
            return text.replace("@now", _SQLITE_TIME.format("")).replace("@skip_locked", "")
        text = _AFTER.sub(
            r"(clock_timestamp() + make_interval(secs => \1))", self.postgres or self.text
        )
        text = text.replace("@skip_locked", "FOR UPDATE SKIP LOCKED")
        return text.replace("@now", "clock_timestamp()")
