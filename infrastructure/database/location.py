"""What a database URL names. Nothing else decides between SQLite and PostgreSQL."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import unquote


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseLocation:
    """A SQLite file, or a PostgreSQL server when `file` is None.

    `file` is the same for every name of a file: symbolic links are resolved, because the lock and
    the key file are found by its name.
    """

    file: Path | None

    @classmethod
    def parse(cls, url: str) -> Self:
        """`sqlite://unplug.sqlite3` is relative, `sqlite:///var/lib/unplug.sqlite3` is not.

        Raises `ValueError`, whose text follows the name of a setting and quotes nothing.
        """
        scheme, _, rest = url.partition("://")
        if not rest or scheme not in {"sqlite", "postgres", "postgresql"}:
            raise ValueError("is neither sqlite://FILE nor postgres://USER:PASSWORD@HOST/DATABASE")
        if scheme != "sqlite":
            return cls(file=None)
        name = unquote(rest.partition("?")[0])
        if name.startswith(":memory:"):
            raise ValueError("needs a file: a database in memory is lost when its process ends")
        return cls(file=Path(name).resolve())
