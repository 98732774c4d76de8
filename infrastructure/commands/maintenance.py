"""What the commands of `unplug` do, once their arguments are parsed."""

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BufferedReader
from typing import BinaryIO

import typer
from rich.progress import DownloadColumn, MofNCompleteColumn

from domain.events import EventCursor
from domain.identifiers import UserId
from domain.ports import LogReplaced
from infrastructure.commands.audit.output import write_events
from infrastructure.commands.audit.trail import of_everybody, of_user
from infrastructure.commands.database_setup import cipher, migrate, prepared, sole_use
from infrastructure.commands.importing.connections import ImportConnections, Report
from infrastructure.commands.importing.formats import refuse_other_formats
from infrastructure.commands.importing.lines import lines_of
from infrastructure.commands.progress import progress_bar, say
from infrastructure.commands.rotate_keys import RotateKeys, Rotation
from infrastructure.database.sqlite.purge import purge
from infrastructure.failures import OperatorError
from infrastructure.persistence.all_events import TortoiseAllEvents
from infrastructure.persistence.event_log import TortoiseEventLog
from infrastructure.persistence.stored_credentials import TortoiseStoredCredentials
from infrastructure.settings import Settings


async def migrate_database(settings: Settings) -> Sequence[str]:
    """Names of the migrations that were applied. Raises `OperatorError`.

    On SQLite it also finishes a purge that a server's stop has postponed.
    """
    with sole_use(settings):
        applied = await migrate(settings)
        if settings.database_file is not None:
            purge(settings.database_file)
        return applied


async def import_file(settings: Settings, file: BufferedReader) -> Report:
    """Imports all lines, naming the bad ones on standard error, and prints what went in.

    Raises `OperatorError` or `StorageError`.
    """
    refuse_other_formats(file)
    encrypt = cipher(settings).encrypt
    report = Report()
    async with prepared(settings, migrating=True) as database:
        with _summed_up(report), progress_bar(DownloadColumn()) as progress:
            task = progress.add_task("Importing", total=_size(file))
            await ImportConnections(
                connections=database.store,
                encrypt=encrypt,
                report=report,
                on_bad_line=lambda number, reason: say(progress, f"line {number}: {reason}"),
                on_progress=lambda read: progress.advance(task, read),
            ).run(lines_of(file))
    return report


async def rotate_all_keys(settings: Settings) -> Rotation:
    """Re-encrypts credentials, naming those without a known key on standard error.

    Prints what was done. Raises `OperatorError` or `StorageError`.
    """
    keys = cipher(settings)
    rotation = Rotation()
    async with prepared(settings) as database:
        credentials = TortoiseStoredCredentials(database.client, database.store)
        with _summed_up(rotation), progress_bar(MofNCompleteColumn()) as progress:
            task = progress.add_task("Re-encrypting", total=await credentials.count())
            await RotateKeys(
                credentials=credentials,
                rotate=keys.rotate,
                rotation=rotation,
                on_progress=lambda count: progress.advance(task, count),
                on_unreadable=lambda connection_id: say(
                    progress, f"connection {connection_id}: none of the keys decrypts it"
                ),
            ).run()
    return rotation


async def print_events(
    settings: Settings, user_id: UserId | None, after: EventCursor | None, *, follow: bool
) -> None:
    """The audit trail of one user or of all. Raises `OperatorError` or `StorageError`."""
    async with prepared(settings) as database:
        log = TortoiseEventLog(database.client)
        if after is not None and not await log.holds(after):
            raise OperatorError("That cursor's event is not in the log. Was the database restored?")
        if user_id is None:
            events = of_everybody(log, TortoiseAllEvents(database.client), follow=follow)
        else:
            events = of_user(log, after or EventCursor.start(user_id), follow=follow)
        try:
            await write_events(events, sys.stdout.buffer)
        except LogReplaced:
            raise OperatorError(
                "The log was replaced meanwhile. Was the database restored?"
            ) from None


@contextmanager
def _summed_up(report: Report | Rotation) -> Iterator[None]:
    """Also when the work is interrupted or fails."""
    try:
        yield
    finally:
        typer.echo(str(report))


def _size(file: BinaryIO) -> int | None:
    status = os.fstat(file.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None
