"""What the commands of `unplug` do, once their arguments are parsed."""

import os
import stat
from collections.abc import Sequence
from io import BufferedReader
from typing import BinaryIO

from rich.progress import DownloadColumn, MofNCompleteColumn

from infrastructure.adapters import given_keys
from infrastructure.commands.database_setup import migrate, prepared, sole_use
from infrastructure.commands.importing.connections import ImportConnections, Report
from infrastructure.commands.importing.formats import refuse_other_formats
from infrastructure.commands.importing.lines import lines_of
from infrastructure.commands.progress import progress_bar, say, summed_up
from infrastructure.commands.rotate_keys import RotateKeys, Rotation
from infrastructure.database.sqlite.purge import purge
from infrastructure.persistence.credentials_keys import CredentialsKeys
from infrastructure.persistence.pending_revocations import rotate_pending
from infrastructure.persistence.stored_credentials import TortoiseStoredCredentials
from infrastructure.settings import Settings
from infrastructure.webhooks.managing import rotate_secrets


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
    given = given_keys(settings)
    report = Report()
    async with prepared(settings, migrating=True) as database:
        encrypt = (await CredentialsKeys(database).open(given)).encrypt
        with summed_up(report), progress_bar(DownloadColumn()) as progress:
            task = progress.add_task("Importing", total=_size(file))
            await ImportConnections(
                connections=database.store,
                encrypt=encrypt,
                report=report,
                on_bad_line=lambda number, reason: say(progress, f"line {number}: {reason}"),
                on_progress=lambda read: progress.advance(task, read),
            ).run(lines_of(file))
    return report


async def rotate_all_keys(settings: Settings, forget: str | None) -> Rotation:
    """Re-encrypts credentials, those that wait for their revocation too, and webhooks' secrets.

    Names those without a known key on standard error.

    `forget` is the fingerprint of a key that is lost. Prints what was done. Raises `OperatorError`
    or `StorageError`.
    """
    given = given_keys(settings)
    rotation = Rotation()
    async with prepared(settings) as database:
        known = CredentialsKeys(database)
        keys = await (known.open_without(forget, given) if forget else known.open(given))
        credentials = TortoiseStoredCredentials(database.client, database.store)
        with summed_up(rotation), progress_bar(MofNCompleteColumn()) as progress:
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
            # After the connections': a disconnection moves credentials from there to here.
            others = (
                (rotate_pending(database.store, keys.rotate), "connection", "it"),
                (rotate_secrets(database.store, keys.rotate), "webhook", "its secret"),
            )
            for rotated, what, which in others:
                async for owner_id, readable in rotated:
                    rotation.rotated += readable
                    if not readable:
                        rotation.unreadable.add(owner_id)
                        say(progress, f"{what} {owner_id}: none of the keys decrypts {which}")
        if not rotation.unreadable:
            await known.keep_only(keys.fingerprints[0])
    return rotation


def _size(file: BinaryIO) -> int | None:
    status = os.fstat(file.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None
