"""Progress bars for terminals, and lengths of time as operators write them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DURATION = re.compile(
    r"(?:(?P<d>\d+)d)?(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m)?(?:(?P<s>\d+)s)?", re.ASCII
)


def progress_bar(*columns: ProgressColumn) -> Progress:
    """A bar on standard error; disabled when that is not a terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        *columns,
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


class RateColumn(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        """Empty until it is known."""
        return Text("" if task.speed is None else f"{task.speed:,.0f}/s")


@contextmanager
def summed_up(report: object) -> Iterator[None]:
    """Prints the report at the end, also when the work is interrupted or fails."""
    try:
        yield
    finally:
        typer.echo(str(report))


def say(progress: Progress, text: str) -> None:
    """Prints a line above the bar, without markup."""
    progress.console.print(text, markup=False, highlight=False, soft_wrap=True)


def duration(text: str) -> timedelta:
    """`90s`, `15m`, `1h`, `7d`, `1h30m`. Raises `ValueError`."""
    match = _DURATION.fullmatch(text.strip())
    parts = {_UNITS[unit]: int(n) for unit, n in match.groupdict().items() if n} if match else {}
    try:
        length = timedelta(**parts)
    except OverflowError:
        length = timedelta()
    if not length:
        raise ValueError(f"{text!r} is not a length of time, such as 90s, 15m, 1h30m or 7d")
    return length
