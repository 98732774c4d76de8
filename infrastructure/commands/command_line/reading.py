"""Commands that print something: `events`, `token` and `schema`."""

import asyncio
from datetime import timedelta
from typing import Annotated
from uuid import UUID

import typer

from domain.identifiers import UserId
from infrastructure.commands.command_line.application import command
from infrastructure.observability.logging import configure_logging
from infrastructure.settings import load_settings


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
            help="Only events after this cursor, the `cursor` of a line that was printed.",
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
def token(
    user_id: Annotated[
        UUID, typer.Argument(metavar="USER_ID", help="The user that the token authenticates.")
    ],
    expires_in: Annotated[
        str,
        typer.Option(
            envvar="UNPLUG_EXPIRES_IN",
            metavar="DURATION",
            help="How long the token is valid, such as 90s, 15m, 1h30m or 7d.",
        ),
    ] = "1h",
) -> None:
    """Print a token signed with the shared secret (UNPLUG_TOKEN_SECRET)."""
    from infrastructure.adapters import token_trust
    from infrastructure.security.issuing import issue

    typer.echo(issue(token_trust(load_settings()), str(user_id), _duration(expires_in)))


@command()
def schema() -> None:
    """Print the GraphQL schema."""
    from infrastructure.app import sdl

    typer.echo(sdl())


def _duration(text: str) -> timedelta:
    from infrastructure.commands.progress import duration

    try:
        return duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--expires-in") from None
