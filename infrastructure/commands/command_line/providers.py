"""`unplug providers`."""

from typing import Annotated

import typer

from infrastructure.commands.command_line.application import command
from infrastructure.settings import load_settings


@command()
def providers(
    known: Annotated[
        bool,
        typer.Option(
            "--known",
            envvar="UNPLUG_KNOWN",
            metavar="",
            help="List the providers that a catalogue can use as presets.",
        ),
    ] = False,
) -> None:
    """Check the provider catalogue (UNPLUG_PROVIDERS_FILE) and print what would be sent.

    Secrets are left out, and nothing is sent.
    """
    from infrastructure.adapters import catalogue
    from infrastructure.providers.description import describe, describe_known

    if known:
        typer.echo(describe_known())
    else:
        shown = describe(catalogue(load_settings()))
        typer.echo(shown or "There is no provider in the catalogue (UNPLUG_PROVIDERS_FILE).")
