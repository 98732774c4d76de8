"""The command for incidents: `disconnect`."""

import asyncio
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from domain.events import MAX_NOTE_LENGTH
from domain.identifiers import ConnectionId, UserId
from domain.ports import ConnectionFilter
from domain.provider_connection import EARLIEST, LATEST
from infrastructure.commands.command_line.application import command
from infrastructure.commands.command_line.preparing import configure_logging, load_settings
from infrastructure.failures import ExitCode, OperatorError


@command()
def disconnect(  # noqa: PLR0913 (one for each option)
    provider: Annotated[
        str | None,
        typer.Option(
            envvar="UNPLUG_PROVIDER", metavar="SLUG", help="Connections to this provider."
        ),
    ] = None,
    user: Annotated[
        UUID | None,
        typer.Option(envvar="UNPLUG_USER", metavar="ID", help="Connections of this user."),
    ] = None,
    connected_before: Annotated[
        str | None,
        typer.Option(
            envvar="UNPLUG_CONNECTED_BEFORE",
            metavar="TIME",
            help="Connected before this time, such as 2026-01-02T03:04:05Z.",
        ),
    ] = None,
    ids: Annotated[
        Path | None,
        typer.Option(
            envvar="UNPLUG_IDS",
            metavar="FILE",
            help="Connections whose ids are in this file, one per line; - reads standard input.",
        ),
    ] = None,
    note: Annotated[
        str | None,
        typer.Option(
            envvar="UNPLUG_NOTE", metavar="TEXT", help="The reason, as the users will read it."
        ),
    ] = None,
    expect: Annotated[
        int | None,
        typer.Option(
            envvar="UNPLUG_EXPECT",
            metavar="COUNT",
            help="Don't ask: go on if it is exactly so many connections, else do nothing.",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", envvar="UNPLUG_DRY_RUN", metavar="", help="Only show what it would do."
        ),
    ] = False,
) -> None:
    """Disconnect connections of many users, after an incident.

    Those that match all options are disconnected: name one option at least.
    Safe to interrupt and repeat, beside running servers; users see each step live.
    """
    from infrastructure.commands.disconnecting.incident import disconnect_targets, find_targets
    from infrastructure.commands.disconnecting.targets import table

    configure_logging("warning")
    wanted = ConnectionFilter(
        user_id=None if user is None else UserId(user),
        provider_slug=provider,
        connected_before=None if connected_before is None else _time(connected_before),
        ids=None if ids is None else _ids(ids),
    )
    if wanted == ConnectionFilter():
        message = "name --provider, --user, --connected-before or --ids"
        raise typer.BadParameter(message, param_hint="disconnect")
    _check_note(note)
    settings = load_settings()
    targets = asyncio.run(find_targets(settings, wanted))
    typer.echo(table(targets))
    if dry_run:
        return
    _agree(len(targets), expect)
    if not targets:
        return
    report = asyncio.run(disconnect_targets(settings, wanted, targets, note))
    if report.failed:
        raise typer.Exit(ExitCode.FAILED)


def _agree(count: int, expect: int | None) -> None:
    """Raises `OperatorError`, or ends the command, unless the operator wants these."""
    if expect is not None:
        if expect != count:
            raise OperatorError(f"It is {count} connections, not {expect}: nothing was done.")
    elif count:
        if not sys.stdin.isatty():
            raise OperatorError("Nothing was done: without a terminal, pass --expect COUNT.")
        typer.confirm(f"Disconnect these {count} connections?", abort=True)


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
        known = time.tzinfo is not None and EARLIEST <= time.astimezone(UTC) < LATEST
    except (ValueError, OverflowError):
        known = False
    if not known:
        message = f"{text!r} is not a time with a time zone, such as 2026-01-02T03:04:05Z"
        raise typer.BadParameter(message, param_hint="--connected-before")
    return time.astimezone(UTC)


def _ids(path: Path) -> frozenset[ConnectionId]:
    from infrastructure.commands.disconnecting.targets import read_ids

    try:
        opening = nullcontext(sys.stdin) if path == Path("-") else path.open(encoding="utf-8")
        with opening as file:
            return read_ids(file, str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise typer.BadParameter(f"{path}: {reason}.", param_hint="--ids") from None


def _check_note(note: str | None) -> None:
    if note is None:
        return
    storable = not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in note)
    if not 1 <= len(note) <= MAX_NOTE_LENGTH or not storable:
        message = f"a note has 1 to {MAX_NOTE_LENGTH} characters"
        raise typer.BadParameter(message, param_hint="--note")
