"""Commands that print what there is: `events` and `schema`."""

import asyncio
from typing import Annotated
from uuid import UUID

import typer

from domain.identifiers import UserId
from infrastructure.commands.command_line.application import command
from infrastructure.commands.command_line.preparing import configure_logging, load_settings


@command()
def events(
    user_id: Annotated[
        UUID | None,
        typer.Argument(
            metavar="USER_ID", help="Only this user's events; by default those of all users."
        ),
    ] = None,
    after: Annotated[
        str | None,
        typer.Option(
            envvar="UNPLUG_AFTER",
            metavar="CURSOR",
            help="Only events after this cursor, the `cursor` of an earlier line.",
        ),
    ] = None,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow",
            envvar="UNPLUG_FOLLOW",
            metavar="",
            help="Keep printing new events until Ctrl-C.",
        ),
    ] = False,
) -> None:
    """Print the audit trail as JSON lines, with the true reasons of failures.

    Events come in the order in which they were committed.
    A cursor stays valid until a restore removes its event, which is an error.
    """
    from infrastructure.commands.audit.show import print_events, starting_point

    configure_logging("warning")
    try:
        start = starting_point(UserId(user_id) if user_id else None, after)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--after") from None
    try:
        asyncio.run(print_events(load_settings(), start, follow=follow))
    except KeyboardInterrupt:
        if not follow:
            raise


@command()
def schema(
    service: Annotated[
        bool, typer.Option("--service", help="The schema of back ends instead of the users'.")
    ] = False,
) -> None:
    """Print the GraphQL schema."""
    from infrastructure.app import sdl

    typer.echo(sdl(service=service))
