"""The Typer application that all commands register with."""

from functools import partial
from importlib.metadata import version
from typing import Annotated

import typer

from infrastructure.commands.command_line.help_texts import (
    EXIT_CODES,
    NAMES,
    PlainCommand,
    PlainGroup,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    cls=PlainGroup,
    context_settings=NAMES,
    epilog=EXIT_CODES,
)
command = partial(app.command, cls=PlainCommand)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("unplug"))
        raise typer.Exit


@app.callback()
def unplug(
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, metavar="", help="Print the version."
        ),
    ] = False,
) -> None:
    """Disconnect users' data providers and stream every step live.

    Settings are environment variables that begin with UNPLUG_; docs/operators.md lists them.
    """
