"""Commands that change the database: `migrate`, `import` and `rotate-keys`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from infrastructure.commands.command_line.application import command
from infrastructure.commands.command_line.preparing import configure_logging, load_settings
from infrastructure.failures import ExitCode


@command()
def migrate() -> None:
    """Bring the database's schema up to date.

    On PostgreSQL `serve` requires it; servers may be running meanwhile.
    On SQLite `serve` does it itself; this also finishes a postponed purge.
    """
    from infrastructure.commands.maintenance import migrate_database

    configure_logging("warning")
    applied = asyncio.run(migrate_database(load_settings()))
    for name in applied:
        typer.echo(f"applied {name}")
    typer.echo("The schema is up to date.")


@command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.jsonl",
            help="One connection per line; - reads standard input.",
        ),
    ],
) -> None:
    """Import existing connections, encrypting their credentials.

    docs/operators.md describes a line. Bad lines are reported and skipped (exit code 1).
    A connection whose id exists already is left untouched.
    A line with neither an id nor an account creates a new connection every time.
    """
    from infrastructure.commands.importing.formats import open_file
    from infrastructure.commands.maintenance import import_file

    configure_logging("warning")
    try:
        opening = open_file(file)
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}.", param_hint="FILE.jsonl") from None
    with opening as opened:
        report = asyncio.run(import_file(load_settings(), opened))
    if report.bad:
        raise typer.Exit(ExitCode.FAILED)


@command("rotate-keys")
def rotate_keys(
    forget: Annotated[
        str | None,
        typer.Option(
            envvar="UNPLUG_FORGET",
            metavar="FINGERPRINT",
            help="Give up a key that is lost, and the credentials that it encrypts.",
        ),
    ] = None,
) -> None:
    """Re-encrypt all credentials with the first key. Safe to interrupt and repeat."""
    from infrastructure.commands.maintenance import rotate_all_keys

    configure_logging("warning")
    rotation = asyncio.run(rotate_all_keys(load_settings(), forget))
    if rotation.unreadable:
        raise typer.Exit(ExitCode.FAILED)
