"""Many rows in one statement, which takes them as JSON and gives them as JSON.

`sqlite3` lets go of the interpreter's lock at each step of a statement, and then waits for it: up
to the switch interval, where the event loop is busy. A run of `executemany` is a step, and a row
that is fetched is one.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import orjson

Row: TypeAlias = tuple[Any, ...]

LISTED = "(SELECT value FROM json_each(?))"
"""The values of one parameter, a list."""


_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def to_json(values: Sequence[object]) -> str:
    """UUIDs and times as Tortoise binds them, so that its filters find them.

    Raises `ValueError` for a NUL, at which SQLite would cut the text off; PostgreSQL refuses it.
    """
    text = orjson.dumps(values, _text, orjson.OPT_PASSTHROUGH_DATETIME).decode()
    if "u0000" in text and _NUL.search(text):
        raise ValueError("a text has a NUL")
    return text


def _text(value: object) -> str:
    return value.isoformat(" ") if isinstance(value, datetime) else str(value)


def value_columns(
    columns: Sequence[str], ciphertext: str | None = None, secrets: str = "?2"
) -> str:
    """What `json_each` has as `value`, taken apart into columns.

    With a column of ciphertext, from what `packed` makes; `secrets` are its second part.
    """
    taken = [
        f"substr({secrets}, value ->> '$[{n}][0]', value ->> '$[{n}][1]')"
        if column == ciphertext
        else f"value ->> {n}"
        for n, column in enumerate(columns)
    ]
    return ", ".join(f"{value} AS {name}" for value, name in zip(taken, columns, strict=True))


def packed(rows: Iterable[Row], place: int) -> tuple[str, bytes]:
    """Rows as JSON, and what is binary in them, at one place of each, beside it: one after another.

    The rows have place (from 1) and size of it instead.
    """
    together, given = bytearray(), []
    for row in rows:
        own = row[place]
        where = None if own is None else (len(together) + 1, len(own))
        together += own or b""
        given.append((*row[:place], where, *row[place + 1 :]))
    return to_json(given), bytes(together)


def gathered(columns: Sequence[str]) -> str:
    """Of a SELECT: all its rows as one value."""
    return f"json_group_array(json_array({', '.join(columns)}))"


def from_json(gathered_rows: str) -> list[Row]:
    """The rows that a SELECT of `gathered` columns has found."""
    return [tuple(row) for row in orjson.loads(gathered_rows)]
