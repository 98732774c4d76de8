"""Commands about ending access at providers: `providers` and `revocations`."""

import asyncio
from typing import Annotated

import typer

from infrastructure.commands.command_line.application import command
from infrastructure.commands.command_line.preparing import configure_logging, load_settings


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
    forget: Annotated[
        str | None,
        typer.Option(
            "--forget",
            envvar="UNPLUG_FORGET_PROVIDER",
            metavar="SLUG",
            help="Stop revoking at a provider that is no longer in the catalogue.",
        ),
    ] = None,
) -> None:
    """Check the provider catalogue (UNPLUG_PROVIDERS_FILE) and print what would be sent.

    Secrets are left out, and nothing is sent. With --forget, later disconnections destroy the
    provider's credentials unrevoked, until a server has it in its catalogue again.
    """
    from infrastructure.adapters import catalogue
    from infrastructure.providers.description import describe, describe_known

    if forget is not None:
        from infrastructure.commands.revocations import forget_provider

        configure_logging("warning")
        asyncio.run(forget_provider(load_settings(), forget))
        typer.echo(f"{forget} is forgotten.")
    elif known:
        typer.echo(describe_known())
    else:
        shown = describe(catalogue(load_settings()))
        typer.echo(shown or "There is no provider in the catalogue (UNPLUG_PROVIDERS_FILE).")


@command()
def revocations(
    retry: Annotated[
        bool,
        typer.Option(
            "--retry",
            envvar="UNPLUG_RETRY",
            metavar="",
            help="Ask again now about all that is pending, instead of when it is due.",
        ),
    ] = False,
) -> None:
    """Print what is pending at each provider and what has failed.

    Failed ones have been given up, or their provider refused them; `events` tells which and why.
    """
    from infrastructure.commands.revocations import retry_revocations, show_revocations

    configure_logging("warning")
    settings = load_settings()
    if retry:
        typer.echo(f"{asyncio.run(retry_revocations(settings))} pending, due now")
    else:
        typer.echo(asyncio.run(show_revocations(settings)))
